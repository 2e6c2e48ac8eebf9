package metlo

import (
	"context"
	"net/http"
)

// maxConfigBody is the server's limit for a body, in bytes.
const maxConfigBody = 100 << 10

// SettingsService reads and changes the configuration of the instance.
type SettingsService struct{ client *Client }

// InstanceSettings holds the address for news about Metlo.
type InstanceSettings struct {
	UUID               string `json:"uuid"`
	UpdateEmail        string `json:"updateEmail"`        // empty if none is set
	SkippedUpdateEmail *bool  `json:"skippedUpdateEmail"` // a user declined to enter an address; nil until a user was asked
}

func (s *InstanceSettings) accept() error { return hasID(s.UUID) }

// InstanceSettingsUpdate changes the settings of the instance. A nil field leaves the setting unchanged.
type InstanceSettingsUpdate struct {
	UpdateEmail        *string // address for news about Metlo; "" for none
	SkippedUpdateEmail *bool   // a user declined to enter an address
}

// MetloConfig is the configuration of the instance.
type MetloConfig struct {
	UUID string `json:"uuid"` // empty if none was ever set

	// ConfigString is YAML as rewritten by the server: without comments, and with the variables of globalTestEnv, which
	// may be credentials. It is empty if none was ever set.
	ConfigString Secret `json:"configString"`

	Env    Secret `json:"env"`    // encrypted variables
	EnvTag Secret `json:"envTag"` // authentication tag of the encryption
	EnvIV  Secret `json:"envIV"`  // initialization vector of the encryption
}

// AgentConfig is the configuration for the agents that watch traffic.
type AgentConfig struct {
	SensitiveDataList      []DataClass       `json:"sensitiveDataList"`
	Endpoints              []AgentEndpoint   `json:"endpoints"`
	Specs                  []AgentSpec       `json:"specs"` // specs uploaded by users
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

// AgentEndpoint is an endpoint as sent to agents.
type AgentEndpoint struct {
	Path                    string     `json:"path"` // parameters in braces
	Host                    string     `json:"host"`
	NumberParams            int        `json:"numberParams"` // parameters in the path
	Method                  RestMethod `json:"method"`
	IsGraphQL               bool       `json:"isGraphQl"`
	OpenAPISpecName         string     `json:"openapiSpecName"` // empty if the endpoint has no spec
	FullTraceCaptureEnabled bool       `json:"fullTraceCaptureEnabled"`
}

// AgentSpec is a spec as sent to agents.
type AgentSpec struct {
	Name string `json:"name"`
	Spec string `json:"spec"` // the document
}

// AgentAuthConfig describes how requests to a host authenticate.
type AgentAuthConfig struct {
	Host        string   `json:"host"`
	AuthType    AuthType `json:"authType"`
	HeaderKey   string   `json:"headerKey"`   // set for header and jwt
	JWTUserPath string   `json:"jwtUserPath"` // set for jwt
	CookieName  string   `json:"cookieName"`  // set for session_cookie
}

// HostMapping replaces the names of hosts that match a pattern by a single name.
type HostMapping struct {
	Host    string `json:"host"`
	Pattern string `json:"pattern"` // regular expression
}

// PathBlock lists paths whose traffic agents ignore.
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

// Update changes the settings of the instance and returns the changed ones: fields that the update leaves unchanged are
// empty in the result. An update without any field is [ErrInvalidArgument].
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
		r.fail("the update is empty: set UpdateEmail or SkippedUpdateEmail")
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

// configAnswer distinguishes an empty configuration from an object of another kind.
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

// UpdateMetloConfig replaces the configuration of the instance, in YAML. It removes data classes that the new text no
// longer defines from all data fields. The error is [ErrBadRequest] for text that is not YAML or has an unknown key,
// and [ErrUnprocessable] for duplicate data classes or hosts and for more than 100 data classes. Text that makes the
// body longer than 100 KiB is [ErrInvalidArgument].
//
// PUT /metlo-config
func (s *SettingsService) UpdateMetloConfig(ctx context.Context, configString string) error {
	r := newRequest("Settings.UpdateMetloConfig", http.MethodPut, "/metlo-config").encode(struct {
		ConfigString string `json:"configString"`
	}{configString})
	if len(r.Body) > maxConfigBody {
		r.fail("the body of %d bytes is over the server's limit of %d: shorten the configuration", len(r.Body), maxConfigBody)
	}
	return exec(ctx, s.client, r)
}

// AgentConfig returns the configuration for the agents that watch traffic. The server caches its answer for 30 s.
//
// GET /agent-config
func (s *SettingsService) AgentConfig(ctx context.Context) (*AgentConfig, error) {
	return fetch(ctx, s.client, newRequest("Settings.AgentConfig", http.MethodGet, "/agent-config"), (*AgentConfig).check)
}
