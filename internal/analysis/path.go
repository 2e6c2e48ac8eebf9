package analysis

import (
	"net/url"
	"strconv"
	"strings"
	"sync"
)

// Placeholders replace the parameters of a path. The server recognizes each of them as a parameter.
const (
	placeholderNumber = "1"
	placeholderUUID   = "00000000-0000-0000-0000-000000000000"
	placeholderText   = "x1"
)

// Undecided is an unknown element of a route. The analyzer replaces it by a known word or a parameter.
const Undecided = "{?}"

// Elements returns the non-empty elements of a path.
func Elements(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

// Endpoint is an endpoint of the instance. Parameters of its path are in braces.
type Endpoint struct{ Host, Method, Path string }

// Words holds the path elements that are not values: those of the service's templates and of the instance's endpoints. Common words
// are always known.
type Words struct {
	own       map[string]bool
	endpoints map[place][][]string // elements
}

type place struct {
	host, method string
	elements     int
}

// NewWords returns a Words that contains only the common words.
func NewWords() *Words { return &Words{own: map[string]bool{}} }

// SetEndpoints replaces the endpoints of the instance and adds their words.
func (w *Words) SetEndpoints(endpoints []Endpoint) {
	w.endpoints = map[place][][]string{}
	for _, e := range endpoints {
		elements := Elements(e.Path)
		at := place{e.Host, e.Method, len(elements)}
		w.endpoints[at] = append(w.endpoints[at], elements)
		w.learn(elements)
	}
}

const maxWords = 10_000

func (w *Words) learn(elements []string) {
	for _, element := range elements {
		if !IsParameter(element) && len(w.own) < maxWords {
			w.own[element] = true
		}
	}
}

// knows reports whether an element of a path is a known word, or consists of known words with hyphens or underscores between.
func (w *Words) knows(element string) bool {
	if w.own[element] || isVersion(element) {
		return true
	}
	for word := range strings.FieldsFuncSeq(element, func(r rune) bool { return r == '-' || r == '_' }) {
		if !commonWordSet()[word] {
			return false
		}
	}
	return strings.Trim(element, "-_") != ""
}

// isVersion reports whether an element is a version, such as v2.
func isVersion(element string) bool {
	return len(element) >= 2 && len(element) <= 3 && element[0] == 'v' && isDigits([]byte(element[1:]))
}

// IsParameter reports whether an element of a template is a parameter.
func IsParameter(element string) bool {
	return strings.HasPrefix(element, "{") && strings.HasSuffix(element, "}")
}

// path sets the template of the path and the classes of its parameters.
func (a *Analyzer) path(x *Exchange, r *Result) {
	values := Elements(x.Path)
	template, routed := a.words.undecided(Template(x.Route), values)
	known := a.words.endpoint(x, values, template)
	switch {
	case known != nil:
		template, routed = known, true
	case routed:
		a.words.learn(template)
	default:
		template = a.words.guess(values)
	}
	r.Routed = routed
	shown := make([]string, len(values))
	for i, element := range template {
		shown[i] = element
		if !IsParameter(element) {
			continue
		}
		shown[i] = placeholder(values[i])
		value, err := url.PathUnescape(values[i])
		if err != nil {
			value = values[i]
		}
		var n node
		a.value(&n, []byte(value))
		name := element[1 : len(element)-1]
		a.addClasses(r, sectionPath+"."+name, name, n.classes)
	}
	r.Path, r.EndpointPath = "/"+strings.Join(shown, "/"), "/"+strings.Join(template, "/")
}

// placeholder returns the placeholder of a value.
func placeholder(value string) string {
	switch {
	case isDigits([]byte(value)):
		return placeholderNumber
	case isUUID(value):
		return placeholderUUID
	}
	return placeholderText
}

func isUUID(text string) bool {
	if len(text) != len(placeholderUUID) {
		return false
	}
	for i := range len(text) {
		if isHyphen := placeholderUUID[i] == '-'; isHyphen != (text[i] == '-') || !isHyphen && !isHex(text[i:i+1]) {
			return false
		}
	}
	return true
}

// undecided returns the template with its undecided elements replaced. ok is false if the template has another number of elements
// than the path.
func (w *Words) undecided(template []string, values []string) (decided []string, ok bool) {
	if template == nil || len(template) != len(values) {
		return nil, false
	}
	names := map[string]bool{}
	for i, element := range template {
		if element == Undecided {
			element = "{}"
			if w.knows(values[i]) {
				element = values[i]
			}
		}
		if IsParameter(element) {
			name := element[1 : len(element)-1]
			if name == "" || names[name] {
				name = "param" + strconv.Itoa(len(names)+1)
			}
			names[name] = true
			element = "{" + name + "}"
		}
		decided = append(decided, element)
	}
	return decided, true
}

// endpoint returns the instance's endpoint that matches the template, or without a template the one with the fewest parameters that
// matches the path. It returns nil if there is none.
func (w *Words) endpoint(x *Exchange, values, template []string) []string {
	var best []string
	fewest := len(values) + 1
	for _, elements := range w.endpoints[place{x.Host, x.Method, len(values)}] {
		parameters, fits := 0, true
		for i, element := range elements {
			isParameter := IsParameter(element)
			if isParameter {
				parameters++
			}
			if template != nil {
				fits = fits && isParameter == IsParameter(template[i]) && (isParameter || element == template[i])
			} else {
				fits = fits && (isParameter || element == values[i])
			}
		}
		if fits && parameters < fewest {
			best, fewest = elements, parameters
		}
	}
	return best
}

// guess returns a template with a parameter for each unknown element.
func (w *Words) guess(values []string) []string {
	template := make([]string, len(values))
	n := 0
	for i, value := range values {
		if w.knows(value) {
			template[i] = value
			continue
		}
		n++
		template[i] = "{param" + strconv.Itoa(n) + "}"
	}
	return template
}

// Template returns the elements of a route with parameters in braces. It accepts the notations of common routers: {id}, {id...},
// {$}, :id, {id:[0-9]+}, *. It returns nil for an empty route, and for one whose end matches several elements.
func Template(route string) []string {
	if method, path, found := strings.Cut(route, " "); found && !strings.Contains(method, "/") {
		route = strings.TrimLeft(path, " ")
	}
	start := strings.IndexByte(route, '/')
	if start < 0 {
		return nil
	}
	elements := []string{}
	for _, element := range splitRoute(route[start:]) {
		switch {
		case element == "" || element == "{$}":
		case element == Undecided:
			elements = append(elements, element)
		case strings.HasSuffix(element, "...}"):
			return nil
		case strings.HasPrefix(element, "*"):
			elements = append(elements, "*")
		case element[0] == ':' || strings.ContainsAny(element, "{*") || strings.Contains(element, ":"):
			elements = append(elements, "{"+parameterName(element)+"}")
		default:
			elements = append(elements, EscapePath(element))
		}
	}
	if n := len(elements); n > 0 && elements[n-1] == "*" {
		return nil
	}
	for i, element := range elements {
		if element == "*" {
			elements[i] = "{}"
		}
	}
	return elements
}

// splitRoute splits a route at slashes outside of braces, which may contain regular expressions with slashes.
func splitRoute(route string) []string {
	var elements []string
	depth, from := 0, 0
	for i := range len(route) {
		switch route[i] {
		case '{':
			depth++
		case '}':
			depth--
		case '/':
			if depth <= 0 {
				elements = append(elements, route[from:i])
				from = i + 1
			}
		}
	}
	return append(elements, route[from:])
}

// parameterName returns the name of the first parameter in an element, because Metlo's parameters are whole elements.
func parameterName(element string) string {
	at := strings.IndexAny(element, "{:")
	if at < 0 {
		return ""
	}
	rest := element[at+1:]
	end := strings.IndexFunc(rest, func(r rune) bool { return r != '_' && r != '-' && kindOf(byte(min(r, 0x7f))) == 0 })
	if end >= 0 {
		rest = rest[:end]
	}
	return rest
}

// EscapePath escapes the characters that the collector rejects in paths. It does not escape percent signs and slashes.
func EscapePath(path string) string {
	if !strings.ContainsAny(path, `\?<>&=`) {
		return path
	}
	return strings.NewReplacer(`\`, "%5C", "?", "%3F", "<", "%3C", ">", "%3E", "&", "%26", "=", "%3D").Replace(path)
}

// commonWordSet returns the common words as a set.
var commonWordSet = sync.OnceValue(func() map[string]bool { return wordSet(commonWords) })

// commonWords are common path elements. A longer list would contain more words that are also values.
const commonWords = "about account accounts action actions activate activity add address addresses admin admins agent agents alert alerts all analytics " +
	"api apis app application applications apps archive articles assets attachments audit auth authenticate authorize avatar balance balances " +
	"bank banks batch beta billing billings blog bulk calendar callback callbacks campaigns cancel card cards cart carts catalog catalogs categories " +
	"category changes channels charge charges chat check checkout claims client clients cloud code codes collections comments companies company " +
	"config configuration configurations confirm connect contact contacts content contract contracts copy count countries coupons create credentials " +
	"credit currencies current customer customers dashboard data delete deliveries delivery departments details device devices disable discounts " +
	"docs document documents download downloads edit email emails employees enable entries entity env errors event events exchange expenses export " +
	"external features feed feedback fields file files filter filters find folders forgot forms friends get gift gifts graph graphql group groups health history " +
	"hooks host hosts id identity image images import inbox index info instances integrations internal inventory invitations invite invites invoice " +
	"invoices issues item items job jobs key keys labels languages leads ledger legal likes limits line lines links list lists loans local locale locales location " +
	"locations lock log login logout logs mail manage management media me member members membership memberships menu merchant merchants message messages " +
	"meta methods metrics mobile models modules my name names network networks new news notes notification notifications oauth oauth2 offers office " +
	"oidc open openapi order orders organisation organisations organization organizations overview owner owners page pages partner partners password " +
	"patients pay payment payments payouts people permissions person phone photos plan plans playlist policies policy portal posts preferences " +
	"preview price prices pricing private process product products profile profiles project projects promotions public publish purchase purchases queries " +
	"query questions queue quote quotes rate rates ratings read recent recommendations records redirect refresh refund refunds regions register registration " +
	"reject related releases reload remove report reports repositories request requests reservations reset resources rest restore results resume return returns " +
	"review reviews role roles rooms route routes rules run runs sales save scan schedule schedules schema schemas search secret secrets secure security send " +
	"server servers service services session sessions set settings share shares shipment shipments shipping shop shops sign signin signout signup sites " +
	"social sources stats status stock store stores stream streams students subject subjects submit subscribe subscription subscriptions summary " +
	"support survey surveys sync system systems tables tags task tasks tax taxes team teams templates tenant tenants terms test tests text thread threads " +
	"tickets time timeline today token tokens tools topics tracking trade trades transaction transactions transfer transfers trash trips types units unlock " +
	"unsubscribe update updates upload uploads usage user users validate values vendors verification verify version versions video videos view views wallet " +
	"wallets warehouse web webhook webhooks wishlist workspace workspaces write zones"
