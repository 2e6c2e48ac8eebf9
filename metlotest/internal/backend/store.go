package backend

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/metlo-go/metlo/internal/analysis"
)

// Store is the server's database. The server's mutex guards it.
type Store struct {
	endpoints []*endpoint
	byID      map[string]*endpoint
	fields    map[string]*dataField
	alerts    []*alert
	alertByID map[string]*alert
	hosts     map[string]bool
	specs     []*spec
	webhooks  []*webhook
	keys      []*apiKey
	masterKey string

	settings    settings
	metloConfig metloConfig
	testing     testingConfig
	graphQL     map[string]string

	// classList holds the result of classes, and scans their findings; both are nil after a change of the metlo-config.
	classList []dataClass
	scanner   *analysis.Classes
	scans     map[scanKey][]any
	caches    map[string]cacheEntry

	// instant analyses at once and disables the caches.
	instant      bool
	jobsRunUntil time.Time
	demoIDs      int // id of the next row of Demo; 0 for random ids
	pendingCalls map[string]int
	perMinute    map[time.Time]int
	fixtures     bool // a fixture of a test is being loaded
	hostsJudged  map[string]bool

	lastTick   time.Time
	lastActive time.Time
	churnRate  int
	churnLast  time.Time
	churnNext  int

	// deliver sends an alert to a webhook; the server sets it.
	deliver func(*webhook, []byte)
}

func newStore() *Store {
	return &Store{
		byID: map[string]*endpoint{}, fields: map[string]*dataField{}, alertByID: map[string]*alert{},
		hosts: map[string]bool{}, hostsJudged: map[string]bool{}, caches: map[string]cacheEntry{}, perMinute: map[time.Time]int{},
		graphQL: map[string]string{}, settings: newSettings(),
		deliver: func(*webhook, []byte) {},
	}
}

// tick returns a unique time for a row that is written now.
func (st *Store) tick() time.Time {
	now := time.Now().UTC().Truncate(time.Microsecond)
	if !now.After(st.lastTick) {
		now = st.lastTick.Add(time.Microsecond)
	}
	st.lastTick = now
	return now
}

// active notes an endpoint's activity.
func (st *Store) active(e *endpoint, t time.Time) {
	e.lastActive = t
	if t.After(st.lastActive) {
		st.lastActive = t
	}
}

// rewrite records a change of a row, whose new version PostgreSQL stores behind all others.
func (st *Store) rewrite(e *endpoint) {
	e.updatedAt = st.tick()
	if at := slices.Index(st.endpoints, e); at >= 0 {
		st.endpoints = append(slices.Delete(st.endpoints, at, at+1), e)
	}
}

// seenAt extends the endpoint's times to t; a zero t changes nothing.
func (st *Store) seenAt(e *endpoint, t time.Time) {
	if t.IsZero() {
		return
	}
	if e.firstDetected.IsZero() || t.Before(e.firstDetected) {
		e.firstDetected = t
	}
	if t.After(e.lastActive) {
		st.active(e, t)
	}
}

func (st *Store) churn(now time.Time) {
	if st.churnRate == 0 || len(st.endpoints) == 0 {
		return
	}
	n := max(1, int(now.Sub(st.churnLast).Seconds()*float64(st.churnRate)))
	st.churnLast = now
	for range min(n, len(st.endpoints)) {
		// A stride that is coprime to most lengths spreads the touched rows over the list.
		st.churnNext = (st.churnNext + 7919) % len(st.endpoints)
		t := st.tick()
		if !t.After(st.lastActive) {
			t = st.lastActive.Add(time.Millisecond)
		}
		st.active(st.endpoints[st.churnNext], t)
	}
}

func (st *Store) addEndpoint(e *endpoint) {
	st.endpoints = append(st.endpoints, e)
	st.byID[e.uuid] = e
	if e.lastActive.After(st.lastActive) {
		st.lastActive = e.lastActive
	}
}

// removeEndpoints deletes endpoints with all dependent rows.
func (st *Store) removeEndpoints(doomed func(*endpoint) bool) {
	gone := map[string]bool{}
	st.endpoints = slices.DeleteFunc(st.endpoints, func(e *endpoint) bool {
		if !doomed(e) {
			return false
		}
		gone[e.uuid] = true
		delete(st.byID, e.uuid)
		for _, f := range e.fields {
			delete(st.fields, f.uuid)
		}
		return true
	})
	if len(gone) > 0 {
		st.removeAlerts(func(a *alert) bool { return gone[a.endpoint.uuid] })
	}
}

func (st *Store) addField(e *endpoint, f *dataField) {
	f.endpoint = e
	e.fields = append(e.fields, f)
	st.fields[f.uuid] = f
}

func (st *Store) removeField(f *dataField) {
	f.endpoint.fields = slices.DeleteFunc(f.endpoint.fields, func(g *dataField) bool { return g == f })
	delete(st.fields, f.uuid)
}

func (st *Store) addAlert(a *alert) {
	st.alerts = append(st.alerts, a)
	st.alertByID[a.uuid] = a
}

func (st *Store) removeAlerts(doomed func(*alert) bool) {
	st.alerts = slices.DeleteFunc(st.alerts, func(a *alert) bool {
		if doomed(a) {
			delete(st.alertByID, a.uuid)
			return true
		}
		return false
	})
}

func (st *Store) specNamed(name string) *spec {
	for _, s := range st.specs {
		if s.name == name {
			return s
		}
	}
	return nil
}

// publicHost guesses from a name whether a host is public; Metlo resolves the name.
func publicHost(host string) bool {
	name, _, _ := strings.Cut(host, ":")
	if !strings.Contains(name, ".") {
		return false
	}
	for _, suffix := range []string{".local", ".internal", ".localhost", ".lan", ".corp"} {
		if strings.HasSuffix(name, suffix) {
			return false
		}
	}
	for _, prefix := range []string{"10.", "127.", "192.168."} {
		if strings.HasPrefix(name, prefix) {
			return false
		}
	}
	return true
}

// newUUID returns a random id, or the next id of Demo, whose rows have the same ids in every server.
func (st *Store) newUUID() string {
	if st.demoIDs == 0 {
		return newUUID()
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "demo %d", st.demoIDs))
	st.demoIDs++
	return formatUUID([16]byte(sum[:16]))
}

func newUUID() string {
	var b [16]byte
	rand.Read(b[:])
	return formatUUID(b)
}

func formatUUID(b [16]byte) string {
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func newKey() string {
	var b [30]byte
	rand.Read(b[:])
	return "metlo." + base64.StdEncoding.EncodeToString(b[:])
}
