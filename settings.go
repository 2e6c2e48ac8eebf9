package metlo

import (
	"context"
	"net/http"
)

// maxConfigBody is the longest body that the server takes, in bytes.
const maxConfigBody = 100 << 10

// SettingsService reads and changes the configuration of the instance.
type SettingsService struct{ client *Client }

// InstanceSettings holds where news about Metlo goes.
type InstanceSettings struct {
	UUID               string `json:"uuid"`
	UpdateEmail        string `json:"updateEmail"`        // empty if none is set
	SkippedUpdateEmail *bool  `json:"skippedUpdateEmail"` // whether a user declined to enter one; nil until one was asked
}

func (s *InstanceSettings) accept() error { return hasID(s.UUID) }

// InstanceSettingsUpdate changes the settings of the instance. A nil field stays as it is.
type InstanceSettingsUpdate struct {
	UpdateEmail        *string // where news about Metlo goes; "" for nowhere
	SkippedUpdateEmail *bool   // a user declined to enter an address
}

// MetloConfig is the configuration of the instance.
type MetloConfig struct {
	UUID string `json:"uuid"` // empty if none was ever set

	// ConfigString is YAML, rewritten by the server: without comments, and with the variables of globalTestEnv, which may
	// be credentials. It is empty if none was ever set.
	ConfigString Secret `json:"configString"`

	Env    Secret `json:"env"`    // the variables, encrypted
	EnvTag Secret `json:"envTag"` // of the encryption
	EnvIV  Secret `json:"envIV"`  // of the encryption
}

// AgentConfig is what the agents that watch traffic need to know.
type AgentConfig struct {
	SensitiveDataList      []DataClass       `json:"sensitiveDataList"`
	Endpoints              []AgentEndpoint   `json:"endpoints"`
	Specs                  []AgentSpec       `json:"specs"` // those of users
	GlobalFullTraceCapture bool              `json:"globalFullTraceCapture"`
	AuthenticationConfig   []AgentAuthConfig `json:"authenticationConfig"`
	EncryptionPublicKey    string            `json:"encryptionPublicKey"` // always empty on the open-source server
	HostMap                []HostMapping     `json:"hostMap"`
	HostBlockList          []string          `json:"hostBlockList"` // regular expressions
	PathBlockList          []PathBlock       `json:"pathBlockList"`
}

func (c *AgentConfig) check() error {
	if c.SensitiveDataList == nil && c.Endpoints == nil {
		return errShape
	}
	return nil
}

// AgentEndpoint is an endpoint as agents know it.
type AgentEndpoint struct {
	Path                    string     `json:"path"` // parameters in braces
	Host                    string     `json:"host"`
	NumberParams            int        `json:"numberParams"` // parameters in the path
	Method                  RestMethod `json:"method"`
	IsGraphQL               bool       `json:"isGraphQl"`
	OpenAPISpecName         string     `json:"openapiSpecName"` // empty if no spec describes it
	FullTraceCaptureEnabled bool       `json:"fullTraceCaptureEnabled"`
}

// AgentSpec is a spec as agents know it.
type AgentSpec struct {
	Name string `json:"name"`
	Spec string `json:"spec"` // the document
}

// AgentAuthConfig holds how requests to a host authenticate.
type AgentAuthConfig struct {
	Host        string   `json:"host"`
	AuthType    AuthType `json:"authType"`
	HeaderKey   string   `json:"headerKey"`   // for header and jwt
	JWTUserPath string   `json:"jwtUserPath"` // for jwt
	CookieName  string   `json:"cookieName"`  // for session_cookie
}

// HostMapping replaces the names of hosts that match a pattern by one name.
type HostMapping struct {
	Host    string `json:"host"`
	Pattern string `json:"pattern"` // regular expression
}

// PathBlock names paths whose traffic agents do not report.
type PathBlock struct {
	Host  string   `json:"host"`
	Paths []string `json:"paths"` // regular expressions
}

// Get returns the settings of the instance.
//
// GET /instance-settings
func (s *SettingsService) Get(ctx context.Context) (*InstanceSettings, error) {
	return fetch(ctx, s.client, newRequest("Settings.Get", http.MethodGet, "/instance-settings"), (*InstanceSettings).accept)
}

// Update changes the settings of the instance and returns what was changed: in the result, a field that the update
// leaves alone is empty whatever its value. An update that sets nothing is [ErrInvalidArgument].
//
// PUT /instance-settings
func (s *SettingsService) Update(ctx context.Context, update *InstanceSettingsUpdate) (*InstanceSettings, error) {
	r := newRequest("Settings.Update", http.MethodPut, "/instance-settings")
	body := map[string]any{}
	if update != nil && update.UpdateEmail != nil {
		body["email"] = nil
		if *update.UpdateEmail != "" {
			body["email"] = *update.UpdateEmail
		}
	}
	if update != nil && update.SkippedUpdateEmail != nil {
		body["skip"] = *update.SkippedUpdateEmail
	}
	if len(body) == 0 {
		r.fail("the update sets nothing: set UpdateEmail or SkippedUpdateEmail")
	}
	return fetch(ctx, s.client, r.encode(body), (*InstanceSettings).accept)
}

// MetloConfig returns the configuration of the instance. All fields are empty if none was ever set.
//
// GET /metlo-config
func (s *SettingsService) MetloConfig(ctx context.Context) (*MetloConfig, error) {
	r := newRequest("Settings.MetloConfig", http.MethodGet, "/metlo-config")
	r.private = true
	answer, err := fetch(ctx, s.client, r, (*configAnswer).check)
	if err != nil {
		return nil, err
	}
	return &answer.MetloConfig, nil
}

// configAnswer separates an empty configuration from an object of another kind.
type configAnswer struct {
	MetloConfig
	ConfigString *string `json:"configString"`
}

func (a *configAnswer) check() error {
	if a.ConfigString == nil {
		return errShape
	}
	a.MetloConfig.ConfigString = NewSecret(*a.ConfigString)
	return nil
}

// UpdateMetloConfig replaces the configuration of the instance, in YAML, and takes data classes that it does not define any
// more off all data fields. Text that is not YAML or has an unknown key is [ErrBadRequest]; a data class or a host that
// is defined twice, or over 100 data classes, is [ErrUnprocessable]; text that makes the body longer than 100 KiB is
// [ErrInvalidArgument].
//
// PUT /metlo-config
func (s *SettingsService) UpdateMetloConfig(ctx context.Context, configString string) error {
	r := newRequest("Settings.UpdateMetloConfig", http.MethodPut, "/metlo-config").encode(struct {
		ConfigString string `json:"configString"`
	}{configString})
	if len(r.Body) > maxConfigBody {
		r.fail("the body of %d bytes is over %d, which the server refuses: shorten the configuration", len(r.Body), maxConfigBody)
	}
	return exec(ctx, s.client, r)
}

// AgentConfig returns what the agents that watch traffic need to know. The server remembers its answer for 30 s.
//
// GET /agent-config
func (s *SettingsService) AgentConfig(ctx context.Context) (*AgentConfig, error) {
	return fetch(ctx, s.client, newRequest("Settings.AgentConfig", http.MethodGet, "/agent-config"), (*AgentConfig).check)
}
