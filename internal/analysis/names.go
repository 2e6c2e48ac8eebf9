package analysis

import (
	"bytes"
	_ "embed"
	"strings"
	"sync"
)

//go:generate go -C ../../tools run ./trigramgen -words ../metlotest/internal/words/words.deflate -o ../internal/analysis/trigrams.bin

// trigrams has one bit for each triple of letters: whether it occurs at least 25 times in the list of English words by which
// the server recognizes parameters of paths.
//
//go:embed trigrams.bin
var trigrams string

// nameKind is the place of a name.
type nameKind int

const (
	memberName nameKind = iota // member of a JSON object
	nestedName                 // parameter of a query or a form, such as filter[name] and user.name
	headerName
)

const (
	maxName       = 64
	maxNamesKept  = 4096
	maxDigits     = 4 // digits of a name, such as iso8601
	maxDigitRuns  = 2
	shortWord     = 3 // letters that may be an abbreviation
	wordShare     = 3 // 2/wordShare of the letters must belong to words
	wordsForVowel = 6 // length of words that must contain a vowel
)

// names caches which texts are names. Other texts are values used as names: ids, addresses, dates, tokens.
type names map[string]bool

// isName reports whether a text looks like a name that a programmer chose.
func (k names) isName(text []byte, kind nameKind) bool {
	if len(text) > maxName || len(text) == 0 {
		return false
	}
	if kind == nestedName {
		return k.nested(text)
	}
	if is, known := k[string(text)]; known {
		return is
	}
	is := looksLikeName(text)
	if k != nil && len(k) < maxNamesKept {
		k[string(text)] = is
	}
	return is
}

// nested reports whether all parts of a name are names. Up to two parts after the first may be indexes of elements. More numbers
// could be a telephone number, a date or an address.
func (k names) nested(text []byte) bool {
	found, indexes := false, 0
	for part := range strings.FieldsFuncSeq(string(text), func(r rune) bool { return r == '[' || r == ']' || r == '.' }) {
		if found && indexes < 2 && isDigits([]byte(part)) && len(part) <= 2 {
			indexes++
			continue
		}
		if !k.isName([]byte(part), memberName) {
			return false
		}
		found = true
	}
	return found
}

// looksLikeName reports whether a text consists of words and abbreviations.
func looksLikeName(text []byte) bool {
	text = bytes.TrimLeft(text, "$@_")
	if len(text) == 0 || kindOf(text[0]) != 'a' {
		return false
	}
	digits, runs, letters, worded, odd := 0, 0, 0, 0, 0
	for i := 0; i < len(text); {
		j := i + 1
		switch kindOf(text[i]) {
		case '9':
			for j < len(text) && kindOf(text[j]) == '9' {
				j++
			}
			digits += j - i
			runs++
		case 'a':
			for j < len(text) && kindOf(text[j]) == 'a' && !newWord(text, j) {
				j++
			}
			letters += j - i
			switch {
			case isWord(text[i:j]):
				worded += j - i
			case j-i <= shortWord:
				odd++
			default:
				return false
			}
		default:
			if text[i] != '_' && text[i] != '-' {
				return false
			}
		}
		i = j
	}
	if letters+digits <= shortWord+1 {
		return true
	}
	return odd <= 1 && digits <= maxDigits && runs <= maxDigitRuns && digits <= letters+1 && worded*wordShare >= 2*letters
}

// newWord reports whether the letter at i begins a word, as in userName and userIDs.
func newWord(text []byte, i int) bool {
	upper := func(c byte) bool { return c >= 'A' && c <= 'Z' }
	if !upper(text[i]) {
		return false
	}
	if i+1 < len(text) && text[i+1] == 's' && (i+2 == len(text) || !('a' <= text[i+2] && text[i+2] <= 'z')) {
		return !upper(text[i-1]) // a plural, such as IDs
	}
	return !upper(text[i-1]) || i+1 < len(text) && kindOf(text[i+1]) == 'a' && !upper(text[i+1])
}

// isWord reports whether letters look like a word or are a known abbreviation.
func isWord(letters []byte) bool {
	var lower [maxName]byte
	word := lower[:copy(lower[:], letters)]
	vowel := false
	for i, c := range word {
		word[i] = c | 0x20
		vowel = vowel || strings.IndexByte("aeiouy", word[i]) >= 0
	}
	if abbreviationSet()[string(word)] {
		return true
	}
	if len(word) <= 2 || len(word) >= wordsForVowel && !vowel {
		return false
	}
	for i := 0; i+2 < len(word); i++ {
		bit := (int(word[i]-'a')*26+int(word[i+1]-'a'))*26 + int(word[i+2]-'a')
		if trigrams[bit/8]&(1<<(bit%8)) == 0 {
			return false
		}
	}
	return true
}

// abbreviationSet returns the abbreviations as a set.
var abbreviationSet = sync.OnceValue(func() map[string]bool { return wordSet(abbreviations) })

// wordSet returns the words of a text.
func wordSet(text string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(text) {
		set[word] = true
	}
	return set
}

// abbreviations are parts of names that isWord does not recognize as words.
const abbreviations = "aadhar acl api by do go in is me my no of on or to up us we app args attr auth aws bcc bic btn bytes cc cfg cmd config cpf cpu css csrf css csv ctrl ctx cvc cvv db " +
	"dns dob dto etag exp ext fk fqdn gcp gdpr gmt gps gpu gql graphql grpc gtm guid hmac href html http https iban icmp id ids iframe " +
	"img imgs ip ipv iso isbn jpeg jpg json jsonrpc jti jwks jwt kms kwargs lang lat ldap lng lon lts mac mb md mfa mgmt mime mq mqtt " +
	"ms msg msgs mtls nbf nfc nginx ns num oauth oidc otp params pci pct pdf php pin pk png pnr png prev ptr pwd px qr qty " +
	"ref refs regex req res rfc rgb rgba rpc rss saas saml sdk sha sid sig sku skus smtp sms sql src ssh sso ssl ssn std str sub svc svg " +
	"swift tcp tls tmp totp ttl txn txt udp uid uids uri uris url urls urn usd usr utc utf utm uuid uuids vat vin vpc vpn wav webp wifi " +
	"wss www xhr xml xmlns xss xsrf yaml yml zip ajax apis csp cdn cidr cors crm cron ctr cta dest diff dist dpop ean ecdsa eol erp eth " +
	"faq fcm fps geo gtin hls hst idp idx iot jpg jsonp kb kg km kpi kyc mhz mp npi nps oem opts org os pem pkce poi pos proto qos ram rsa " +
	"rtc sca sftp sla slo smb spf ssd ssid sys tld toc tos tx ui upc usb ux vlan vm vrf wan xff xls xlsx xyz bandwidth birthday " +
	"checksum docs downtime dropdown firmware fullname giftcard github gitlab jsonb kafka kubernetes markdown museum mysql offset offsets " +
	"paycheck paypal placeholder placeholders postgres pullrequest pullrequests throughput thumbnail thumbnails viewport webhook webhooks " +
	"website websites workflow workflows"
