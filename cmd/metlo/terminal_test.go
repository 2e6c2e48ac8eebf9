//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/metlo-go/metlo/metlotest"
)

// terminal represents a pseudo terminal and the output of a command on it.
type terminal struct {
	user *os.File // end of the user
	line *os.File // end of the command

	mu      sync.Mutex
	written strings.Builder
	news    chan struct{}
	closed  chan struct{}
}

func newTerminal(t *testing.T, columns uint16) *terminal {
	t.Helper()
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo terminal: %v", err)
	}
	t.Cleanup(func() { _ = user.Close() })
	require.NoError(t, unix.IoctlSetPointerInt(int(user.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(int(user.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	line, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetWinsize(int(line.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}))
	term := &terminal{user: user, line: line, news: make(chan struct{}, 1), closed: make(chan struct{})}
	go func() {
		defer close(term.closed)
		buffer := make([]byte, 4096)
		for {
			n, err := user.Read(buffer)
			if err != nil {
				return // every process has closed the other end
			}
			term.mu.Lock()
			term.written.Write(buffer[:n])
			term.mu.Unlock()
			select {
			case term.news <- struct{}{}:
			default:
			}
		}
	}()
	return term
}

// attach sets the terminal as the controlling terminal of a command.
func (term *terminal) attach(cmd *exec.Cmd) {
	cmd.Stdin, cmd.Stdout, cmd.Stderr = term.line, term.line, term.line
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
}

func (term *terminal) text() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.written.String()
}

// expect waits until the command has written a text.
func (term *terminal) expect(t *testing.T, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for !strings.Contains(term.text(), want) {
		select {
		case <-term.news:
		case <-term.closed:
			require.Contains(t, term.text(), want)
		case <-ctx.Done():
			t.Fatalf("%q never came: %q", want, term.text())
		}
	}
}

func (term *terminal) typed(t *testing.T, keys string) {
	t.Helper()
	_, err := term.user.WriteString(keys)
	require.NoError(t, err)
}

func (term *terminal) echoes(t *testing.T) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(term.user.Fd()), unix.TCGETS)
	require.NoError(t, err)
	return state.Lflag&unix.ECHO != 0
}

// end waits for the command, and returns its exit code and its whole output.
func (term *terminal) end(t *testing.T, cmd *exec.Cmd) (int, string) {
	t.Helper()
	_ = cmd.Wait() // ProcessState has the exit code
	require.NoError(t, term.line.Close())
	<-term.closed
	return cmd.ProcessState.ExitCode(), term.text()
}

// onTerminal runs a command on a terminal without input.
func onTerminal(t *testing.T, srv *metlotest.Server, columns uint16, env []string, args ...string) string {
	t.Helper()
	term := newTerminal(t, columns)
	cmd := command(t, srv, args...)
	cmd.Env = append(cmd.Env, "TERM=xterm", "COLUMNS=", "NO_COLOR=")
	cmd.Env = append(cmd.Env, env...)
	term.attach(cmd)
	require.NoError(t, cmd.Start())
	_, written := term.end(t, cmd)
	return written
}

var colorCode = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// idLine matches a field that even the narrowest terminal shows in full.
var idLine = regexp.MustCompile(`^UUID +[0-9a-f-]{36}$`)

// TestTablesFitTheTerminal checks each line of common lists on wide and on narrow terminals.
func TestTablesFitTheTerminal(t *testing.T) {
	const alert, endpoint = "00000000-0000-4000-b000-000000000004", "00000000-0000-4000-8000-000000000001"
	srv := shop(t)
	for _, columns := range []uint16{120, 80, 40, 30} {
		for _, args := range []string{
			"alert list", "endpoint list", "host list", "detection list", "detection list --type data-field", "data-class list", "summary", "status",
			"auth status", "spec list", "key list", "webhook list", "endpoint usage " + endpoint, "endpoint get " + endpoint, "alert get " + alert,
		} {
			t.Run(fmt.Sprintf("%s at %d", args, columns), func(t *testing.T) {
				written := onTerminal(t, srv, columns, nil, strings.Fields(args)...)
				assert.NotEmpty(t, written)
				for line := range strings.SplitSeq(written, "\r\n") {
					plain := colorCode.ReplaceAllString(line, "")
					assert.NotContains(t, plain, "\x1b", "what a server sends does nothing")
					if !idLine.MatchString(plain) {
						assert.LessOrEqual(t, text.StringWidthWithoutEscSequences(plain), int(columns), line)
					}
				}
				if strings.HasPrefix(args, "alert") {
					assert.Contains(t, written, alert, "an id can be copied")
				}
			})
		}
	}
}

// TestTablesAtFourWidths compares the output for the demo on a terminal with testdata/tables. Ids are short and times
// are ages. Severity and endpoint are complete while there is room.
func TestTablesAtFourWidths(t *testing.T) {
	srv := metlotest.New(t)
	for _, list := range []string{"alert", "endpoint"} {
		for _, columns := range []uint16{60, 80, 120, 200} {
			name := fmt.Sprintf("%s-list-%d.txt", list, columns)
			t.Run(name, func(t *testing.T) {
				written := onTerminal(t, srv, columns, []string{"METLO_HOST=", "METLO_API_KEY=", "METLO_COLLECTOR_HOST="}, "--demo", "-q", list, "list")
				got := strings.ReplaceAll(colorCode.ReplaceAllString(written, ""), "\r\n", "\n")
				golden := filepath.Join("testdata", "tables", name)
				if *update {
					require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
				}
				want, err := os.ReadFile(golden)
				require.NoError(t, err)
				assert.Equal(t, string(want), got)
				for line := range strings.Lines(got) {
					assert.LessOrEqual(t, text.StringWidthWithoutEscSequences(strings.TrimSuffix(line, "\n")), int(columns))
				}
			})
		}
	}
}

func TestColors(t *testing.T) {
	srv := shop(t)
	for name, tt := range map[string]struct {
		env  []string
		args []string
		want bool
	}{
		"terminal":        {nil, nil, true},
		"NO_COLOR":        {[]string{"NO_COLOR=1"}, nil, false},
		"never":           {nil, []string{"--color", "never"}, false},
		"always":          {[]string{"NO_COLOR=1"}, []string{"--color=always"}, true},
		"no such ability": {[]string{"TERM=dumb"}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			written := onTerminal(t, srv, 120, tt.env, append([]string{"alert", "list"}, tt.args...)...)
			assert.Equal(t, tt.want, colorCode.MatchString(written))
		})
	}
	for args, want := range map[string]bool{"": false, "--color=always": true} {
		out, err := command(t, srv, append([]string{"alert", "list"}, strings.Fields(args)...)...).Output()
		require.NoError(t, err)
		assert.Equal(t, want, colorCode.Match(out), "in a pipe: %s", args)
	}
}

// TestProgress checks the standard error of a long export.
func TestProgress(t *testing.T) {
	srv := shop(t)
	written := onTerminal(t, srv, 80, nil, "inventory", "--file", "endpoints.csv")
	assert.Contains(t, written, "endpoints", "a bar")
	assert.Contains(t, written, "\r")
	assert.True(t, strings.HasSuffix(strings.TrimSpace(colorCode.ReplaceAllString(written, "")), "5 endpoints"), "and then what was done: %q", written)
	assert.NotContains(t, onTerminal(t, srv, 80, nil, "inventory", "--file", "endpoints.csv", "-q"), "endpoints")

	cmd := command(t, srv, "inventory", "--file", "endpoints.csv")
	var log strings.Builder
	cmd.Stderr = &log
	require.NoError(t, cmd.Run())
	assert.Equal(t, "5 endpoints\n", log.String(), "a log of CI has no bar")
}

func login(t *testing.T) (*terminal, *exec.Cmd, *metlotest.Server) {
	t.Helper()
	srv := shop(t)
	term := newTerminal(t, 80)
	cmd := command(t, srv, "auth", "login")
	cmd.Env = append(cmd.Env, "METLO_HOST=", "METLO_API_KEY=", "METLO_COLLECTOR_HOST=", "HOME="+cmd.Dir)
	term.attach(cmd)
	require.NoError(t, cmd.Start())
	term.expect(t, "URL of the instance: ")
	assert.True(t, term.echoes(t))
	term.typed(t, srv.URL+"\n")
	term.expect(t, "API key")
	// The command prints the prompt first and turns off the echo a moment later.
	eventually(t, "the key would be shown", func() bool { return !term.echoes(t) })
	return term, cmd, srv
}

func TestLoginShowsNoKey(t *testing.T) {
	term, cmd, srv := login(t)
	term.typed(t, srv.APIKey+"\n")
	code, written := term.end(t, cmd)
	assert.Zero(t, code, written)
	assert.NotContains(t, written, srv.APIKey)
	kept, err := os.ReadFile(filepath.Join(cmd.Dir, ".metlo", "credentials"))
	require.NoError(t, err)
	assert.Contains(t, string(kept), srv.APIKey)
}

func TestInterruptedLoginGivesTheTerminalBack(t *testing.T) {
	term, cmd, _ := login(t)
	start := time.Now()
	term.typed(t, "metlo.half\x03")
	code, written := term.end(t, cmd)
	assert.Equal(t, 130, code, written)
	assert.True(t, term.echoes(t), "what is typed next is seen")
	assert.NotContains(t, written, "half")
	assert.NoFileExists(t, filepath.Join(cmd.Dir, ".metlo", "credentials"))
	t.Logf("ended after %v", time.Since(start))
}

func TestConfirmation(t *testing.T) {
	const id = "00000000-0000-4000-b000-000000000004"
	for name, tt := range map[string]struct {
		keys    string
		code    int
		changed bool
	}{
		"yes": {"y\n", 0, true}, "in full": {"Yes\n", 0, true}, "no": {"n\n", 0, false}, "nothing": {"\n", 0, false}, "end of input": {"\x04", 0, false},
		"something else": {"what?\n", 0, false}, "Ctrl-C": {"\x03", 130, false},
	} {
		t.Run(name, func(t *testing.T) {
			srv := shop(t)
			term := newTerminal(t, 120)
			cmd := command(t, srv, "alert", "ignore", "--host", "pay.example.com")
			term.attach(cmd)
			require.NoError(t, cmd.Start())
			term.expect(t, "ignore 1 alert? [y/N] ")
			term.typed(t, tt.keys)
			code, written := term.end(t, cmd)
			assert.Equal(t, tt.code, code, written)
			assert.Equal(t, tt.changed, strings.Contains(written, "  ignored  "+id))
			assert.Equal(t, !tt.changed && tt.code == 0, strings.Contains(written, "Nothing changed."))
		})
	}
}

// TestInterruptOnTerminal types Ctrl-C while the server does not answer and a bar is shown.
func TestInterruptOnTerminal(t *testing.T) {
	srv := shop(t)
	srv.Inject(metlotest.Fault{Path: "/alerts", Delay: time.Hour})
	term := newTerminal(t, 80)
	cmd := command(t, srv, "report")
	term.attach(cmd)
	require.NoError(t, cmd.Start())
	waitFor(t, srv, "/alerts")
	term.typed(t, "\x03")
	code, written := term.end(t, cmd)
	assert.Equal(t, 130, code, written)
	assert.Contains(t, written, "metlo: interrupted")
	files, err := os.ReadDir(cmd.Dir)
	require.NoError(t, err)
	assert.Empty(t, files)
}
