package capture

import (
	"net/url"
	"strings"
)

const (
	maxCachedNames = 4096
	longestName    = 256 // bytes of a cached name
)

// Redacted replaces a masked text.
const Redacted = "[redacted]"

// normalName returns a name in lower case without punctuation, so that api_key, apiKey and X-API-Key contain the same word.
func normalName(name string) string {
	plain := true
	for i := range len(name) {
		if c := name[i]; !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') {
			plain = false
			break
		}
	}
	if plain {
		return name
	}
	b := make([]byte, 0, len(name))
	for _, c := range strings.ToLower(name) {
		if (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') {
			b = append(b, byte(c))
		} else if c > 0x7f {
			b = append(b, string(c)...)
		}
	}
	return string(b)
}

// secretParts returns the texts that mark a name as that of a secret if they occur anywhere in it, after normalName.
func secretParts() []string {
	return []string{
		"password", "passwd", "passphrase", "passwort", "kennwort", "motdepasse", "secret", "token", "apikey", "accesskey", "privatekey",
		"signingkey", "encryptionkey", "subscriptionkey", "masterkey", "authkey", "authorization", "authentication", "credential", "bearer", "jwt",
		"sessionid", "sessid", "sessionkey", "signature", "csrf", "xsrf", "mfacode", "otpcode", "securitycode", "recoverycode", "clientassertion",
		"connectionstring", "samlresponse", "samlrequest", "mnemonic", "seedphrase", "codeverifier", "verificationcode", "backupcode",
		"accountkey", "functionskey", "applicationkey", "securityanswer", "oauthverifier", "secwebsocketprotocol", "storagekey",
		"contraseña", "contrasena", "senha", "wachtwoord", "пароль", "密码", "密碼", "パスワード",
	}
}

// secretNames returns names of secrets that are also parts of harmless names, and so must match as a whole.
func secretNames() map[string]bool {
	names := map[string]bool{}
	for _, name := range []string{
		"auth", "pass", "pwd", "userpwd", "mysqlpwd", "dbpwd", "pin", "otp", "totp", "cvv", "cvc", "cvv2", "sid", "session", "sig", "cookie", "cookies",
		"setcookie", "xauth", "dpop", "apisecret", "pat", "nip", "code2fa", "accesscode", "assertion", "passcode", "passkey",
		"authcode", "userpass", "dbpass", "userkey", "hmac", "creds", "cred", "appkey", "magiclink",
	} {
		names[name] = true
	}
	return names
}

// harmlessNames returns names that contain one of secretParts but do not name a secret.
func harmlessNames() map[string]bool {
	return map[string]bool{
		"tokentype": true, "wwwauthenticate": true, "proxyauthenticate": true, "authenticationtype": true, "authenticationmethod": true,
		"accesscontrolallowcredentials": true, "passwordless": true, "idempotencykey": true, "xidempotencykey": true,
		"secwebsocketkey": true, "secretary": true, "secretariat": true, "passwordresetemail": true, "passwordpolicy": true,
		"surrogatekey": true, "cachekey": true, "xcachekey": true,
	}
}

// secret reports whether values of this name are masked. It also looks at each part of a name such as user[pin] or /users/pin, and
// decodes percent-encoding.
func (m *masker) secret(name string) (is bool) {
	if is, known := m.cache[name]; known {
		return is
	}
	plain := name
	for range 2 {
		if unescaped, err := url.PathUnescape(plain); err == nil {
			plain = unescaped
		}
	}
	is = m.one(plain)
	for part := range strings.FieldsFuncSeq(plain, func(r rune) bool { return strings.ContainsRune("[]./{}:\" ", r) }) {
		is = is || m.one(part)
	}
	if m.cache != nil && len(m.cache) < maxCachedNames && len(name) <= longestName {
		m.cache[strings.Clone(name)] = is
	}
	return is
}

// one reports whether a name, taken as a whole, is that of a secret.
func (m *masker) one(name string) bool {
	if m.matched(name) {
		return true
	}
	normal := normalName(name)
	switch {
	case m.settings.names[normal] || m.names[normal]:
		return true
	case m.harmless[normal]:
		return false
	}
	for _, part := range m.parts {
		if strings.Contains(normal, part) {
			return true
		}
	}
	return strings.HasSuffix(normal, "pwd")
}

// matched reports whether the function of WithMaskFunc matches a name. A panic counts as a match.
func (m *masker) matched(name string) (is bool) {
	if m.settings.match == nil {
		return false
	}
	defer func() {
		if recover() != nil {
			is = true
		}
	}()
	return m.settings.match(name)
}
