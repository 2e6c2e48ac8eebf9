// Package cli is the metlo command: one file for each of its subcommands, each of which turns flags into calls of the SDK
// and values into what package output writes.
package cli

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
	"github.com/metlo-go/metlo/metlotest"
)

// interruptGrace is how long an interrupted command may take to end by itself.
const interruptGrace = 800 * time.Millisecond

// app is one run of the command.
type app struct {
	in     io.Reader
	stdout *os.File      // what out writes to
	out    *bufio.Writer // data
	err    io.Writer     // everything else
	global globalFlags

	ctx     context.Context   //nolint:containedctx // of the run, with --timeout
	demo    *metlotest.Server // of --demo, once a client is made
	closers []func()
}

type globalFlags struct {
	host, collector, context string
	insecure, demo           bool
	timeout                  time.Duration
	quiet, verbose           bool
	color                    string
	format                   output.Flags
}

// Main runs the command with the arguments of the process and returns its exit code.
func Main() int {
	// A closed pipe is an error of the write, so that what is unfinished is cleaned up.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := notify()
	defer stop()
	a := &app{in: os.Stdin, stdout: os.Stdout, out: bufio.NewWriterSize(os.Stdout, 64<<10), err: os.Stderr}
	return a.run(ctx, os.Args[1:])
}

func (a *app) run(ctx context.Context, args []string) int {
	a.ctx = ctx
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	err := root.ExecuteContext(ctx)
	if flushErr := a.out.Flush(); flushErr != nil && (err == nil || errors.Is(err, errFindings)) {
		err = flushErr
	}
	for _, done := range a.closers {
		done()
	}
	return exitCode(ctx, err, a.err)
}

// notify returns a context that the first interrupt ends. The second one, or a command that does not end by itself, ends
// the process at once.
func notify() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	restore := terminalState()
	ended := make(chan struct{})
	go func() {
		select {
		case <-signals:
		case <-ended:
			return
		}
		cancel(errInterrupted)
		select {
		case <-signals:
		case <-time.After(interruptGrace):
		case <-ended:
			return
		}
		restore()
		os.Exit(exitInterrupted)
	}()
	return ctx, sync.OnceFunc(func() {
		signal.Stop(signals)
		close(ended)
		cancel(nil)
	})
}

// terminalState returns what puts the terminal back as it is now, such as when a key was being typed without echo.
func terminalState() func() {
	fd := int(os.Stdin.Fd())
	state, err := term.GetState(fd)
	if err != nil {
		return func() {}
	}
	return func() { _ = term.Restore(fd, state) }
}

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
