package backend

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"slices"

	"github.com/metlo-go/metlo/internal/analysis"
	"github.com/metlo-go/metlo/metlotest/internal/js"
)

// metloConfig is the instance's configuration: the parsed text, without globalTestEnv, which is stored separately and
// encrypted.
type metloConfig struct {
	uuid                string
	value               *js.Object
	env                 []any
	cipher, tag, vector string
}

func (m *metloConfig) flag(name string) bool {
	b, _ := m.value.Get(name).(bool)
	return b
}

func getMetloConfig(c *call) Response {
	m := c.metloConfig
	if m.uuid == "" {
		return Ok(js.New("uuid", "", "configString", ""))
	}
	shown := js.New()
	for _, key := range m.value.Keys {
		shown.Set(key, m.value.Values[key])
	}
	if m.env != nil {
		shown.Set("globalTestEnv", m.env)
	}
	text, err := js.DumpYAML(shown)
	if err != nil {
		return databaseError(err.Error())
	}
	return Ok(js.New("uuid", m.uuid, "configString", text, "env", m.cipher, "envTag", m.tag, "envIV", m.vector))
}

func putMetloConfig(c *call) Response {
	value := c.object().Get("configString")
	text := js.String(value)
	// The server checks the data classes first, in the original text.
	first, err := js.LoadYAML(text)
	if err != nil {
		return databaseError(err.Error())
	}
	if !js.Truthy(first) {
		first = js.New()
	}
	config, isObject := first.(*js.Object)
	if _, isList := first.([]any); !isObject && !isList {
		return databaseError("Cannot use 'in' operator to search for 'sensitiveData' in " + js.String(first))
	}
	if problem := classConflict(config); problem != "" {
		return Text(http.StatusUnprocessableEntity, problem)
	}
	configString, isText := value.(string)
	switch {
	case value == nil || js.IsUndefined(value):
		return databaseError("Cannot read properties of " + text + " (reading 'trim')")
	case !isText:
		return databaseError("configString.trim is not a function")
	}
	doc, err := js.ReadYAML(js.Trim(configString))
	if err != nil {
		return Text(http.StatusBadRequest, "Config is not a valid yaml file")
	}
	checked := doc.Value
	if checked == nil || js.IsUndefined(checked) {
		checked = js.New()
	}
	if problem := configProblem(checked, doc); problem != "" {
		return Text(http.StatusBadRequest, problem)
	}
	config = checked.(*js.Object)
	if problem := hostConflict(config); problem != "" {
		return Text(http.StatusUnprocessableEntity, problem)
	}
	c.setMetloConfig(config)
	return sendStatus()
}

const classLimit = 100

func classConflict(config *js.Object) string {
	if own := config.Object("sensitiveData"); own != nil {
		if len(own.Keys) > classLimit {
			return "Cannot have more than 100 data classes."
		}
		for _, name := range own.Keys {
			if slices.ContainsFunc(analysis.Builtin(), func(c analysis.Class) bool { return c.Name == name }) {
				return `Dataclass "` + name + `" already exists as a Metlo Defined Dataclass`
			}
		}
	}
	return ""
}

func hostConflict(config *js.Object) string {
	seen := map[string]bool{}
	for _, item := range config.List("authentication") {
		host := item.(*js.Object).Text("host")
		if seen[host] {
			return "Host " + host + " is included more than once in the authentication config."
		}
		seen[host] = true
	}
	return ""
}

// setMetloConfig stores a configuration and removes deleted classes from the fields.
func (st *Store) setMetloConfig(config *js.Object) {
	before := st.classes()
	m := metloConfig{uuid: st.metloConfig.uuid, value: js.New()}
	if m.uuid == "" {
		m.uuid = st.newUUID()
	}
	for _, key := range config.Keys {
		if key != "globalTestEnv" {
			m.value.Set(key, config.Values[key])
		}
	}
	if config.Has("globalTestEnv") {
		m.env = config.List("globalTestEnv")
		m.cipher, m.tag, m.vector = seal(js.Encode(m.env))
	}
	st.metloConfig, st.classList, st.scans = m, nil, nil
	after := st.classes()
	for _, d := range before {
		if !slices.ContainsFunc(after, func(e dataClass) bool { return e.Name == d.Name }) {
			st.dropClass(d.Name)
		}
	}
}

func (st *Store) dropClass(class string) {
	is := func(s string) bool { return s == class }
	for _, e := range st.endpoints {
		for _, f := range e.fields {
			if !slices.Contains(f.dataClasses, class) {
				continue
			}
			f.dataClasses = slices.DeleteFunc(slices.Clone(f.dataClasses), is)
			f.scannerIdentified = slices.DeleteFunc(slices.Clone(f.scannerIdentified), is)
			f.falsePositives = slices.DeleteFunc(slices.Clone(f.falsePositives), is)
			f.setTag()
			f.updatedAt = st.tick()
		}
	}
}

// seal encrypts the test environment with a random key. The result has the server's form: ciphertext, tag and vector.
func seal(plain []byte) (text, tag, vector string) {
	key := make([]byte, 32)
	rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("metlotest: " + err.Error())
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block) // a caller's nonce would panic under GODEBUG=fips140=only
	if err != nil {
		panic("metlotest: " + err.Error())
	}
	const nonce, check = 12, 16
	sealed := gcm.Seal(nil, nil, plain, nil) //nolint:gosec // the cipher makes the nonce
	split := len(sealed) - check
	b64 := base64.StdEncoding.EncodeToString
	return b64(sealed[nonce:split]), b64(sealed[split:]), b64(sealed[:nonce])
}
