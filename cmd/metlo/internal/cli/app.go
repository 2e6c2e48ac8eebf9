// Package cli implements the metlo command. One file holds each subcommand, which turns flags into calls of the SDK and
// passes the results to package output.
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

// interruptGrace is the time that an interrupted command has to end by itself.
const interruptGrace = 800 * time.Millisecond

// app represents one run of the command.
type app struct {
	in     io.Reader
	stdout *os.File      // standard output, to which out writes
	out    *bufio.Writer // buffered standard output, for data
	err    io.Writer     // standard error, for everything except data
	global globalFlags

	ctx     context.Context   //nolint:containedctx // context of the run, with --timeout
	demo    *metlotest.Server // server that --demo starts; nil before the first client
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
	// With SIGPIPE ignored, writing to a closed pipe returns an error, and unfinished files are cleaned up.
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

// notify returns a context that the first interrupt cancels. The process ends at the second interrupt, or if the
// command does not end by itself.
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

// terminalState returns a function that restores the current state of the terminal, such as the echo that a password
// prompt turns off.
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
