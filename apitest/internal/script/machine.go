//go:build !js && !wasip1

package script

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"modernc.org/quickjs"

	"github.com/metlo-go/metlo/apitest/internal/jsvalue"
)

// maxCallDepth bounds recursion, in frames of the interpreter.
const maxCallDepth = 2000

// machine is a running interpreter.
type machine struct {
	vm     *quickjs.VM
	entry  quickjs.Value
	limits Limits
	resp   *Response
	// parsing is set while the body is parsed, which does not count as time of the script.
	parsing atomic.Bool
	parsed  atomic.Int64 // nanoseconds spent parsing the body
	clock   clock
	begun   time.Duration
}

func newMachine(limits Limits, resp *Response) (*machine, error) {
	vm, err := quickjs.NewVM()
	if err != nil {
		return nil, fmt.Errorf("script: start the interpreter: %w", err)
	}
	m := &machine{vm: vm, limits: limits, resp: resp}
	if err := m.install(); err != nil {
		m.close()
		return nil, fmt.Errorf("script: start the interpreter: %w", err)
	}
	vm.SetMemoryLimit(uintptr(limits.Memory + overhead))
	return m, nil
}

// overhead is the number of bytes that an idle interpreter allocates.
const overhead = 1 << 20

func (m *machine) install() error {
	m.vm.SetMaxStackSize(maxCallDepth)
	for name, f := range map[string]quickjs.HostFunc{
		"hostFields": func([]any) (any, error) { return m.fields() },
		"hostBody":   func([]any) (any, error) { return m.body(), nil },
		"hostParsed": func([]any) (any, error) { return m.bodyParsed(), nil },
	} {
		if err := m.vm.RegisterHostFunc(name, f); err != nil {
			return err
		}
	}
	entry, err := m.vm.EvalValue(prelude, quickjs.EvalGlobal)
	if err != nil {
		return err
	}
	m.entry, err = entry.CallValue(quickjs.UndefinedValue, float64(m.limits.Memory/64), float64(m.limits.Memory/4), m.resp != nil, m.resp != nil && m.resp.JSON)
	entry.Free()
	return err
}

func (m *machine) close() {
	m.entry.Free()
	_ = m.vm.Close()
}

func (m *machine) fields() (string, error) {
	text, err := json.Marshal(jsvalue.Finite(m.resp.Fields))
	return string(text), err
}

// body returns the body and stops the clock of the script until bodyParsed is called.
func (m *machine) body() string {
	m.vm.SetMemoryLimit(uintptr(m.limits.Memory + overhead + parsedSize(m.resp.Body)))
	m.begun = m.clock.now()
	m.parsing.Store(true)
	return strings.ToValidUTF8(m.resp.Body, "\ufffd")
}

func (m *machine) bodyParsed() bool {
	m.parsed.Add(int64(m.clock.now() - m.begun))
	m.parsing.Store(false)
	return true
}

// parsedSize returns an upper bound of the memory that the parsed body needs.
func parsedSize(body string) uint64 {
	var size uint64
	for i := range len(body) {
		switch body[i] {
		case '{', '[':
			size += 160
		case ',', ':':
			size += 32
		case '"':
			size += 20
		}
	}
	return size + 4*uint64(len(body))
}

type outcome struct {
	value any
	err   error
}

// bounded runs call and stops it at the limits. usable reports whether the machine can run more. A native call that
// cannot be interrupted is abandoned at three times the time limit. It ends on its own, within the memory limit, and
// then frees the machine.
func (m *machine) bounded(ctx context.Context, call func() (any, error)) (value any, usable bool, err error) {
	done, started := make(chan outcome, 1), make(chan struct{})
	var over atomic.Bool // set when the call returns or is abandoned, whichever is first
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		m.clock = startClock()
		m.parsed.Store(0)
		close(started)
		v, err := m.protected(call)
		if over.Swap(true) {
			m.close()
			return
		}
		done <- outcome{v, err}
	}()
	<-started
	timer := time.NewTimer(m.limits.Timeout)
	defer timer.Stop()
	cancelled := ctx.Done()
	var stopped error
	stop := func(why error) {
		stopped = why
		m.vm.Interrupt()
		timer.Reset(2*m.limits.Timeout + time.Second)
	}
	for {
		select {
		case out := <-done:
			return m.finish(out, stopped)
		case <-cancelled:
			cancelled = nil
			stop(context.Cause(ctx))
		case <-timer.C:
			left := m.limits.Timeout - m.used()
			switch {
			case stopped != nil && over.Swap(true):
				return m.finish(<-done, stopped)
			case stopped != nil:
				return nil, false, stopped
			case left > 0:
				timer.Reset(max(left, time.Millisecond))
			default:
				stop(fmt.Errorf("%w: the script ran longer than %v", ErrLimit, m.limits.Timeout))
			}
		}
	}
}

func (m *machine) finish(out outcome, stopped error) (value any, usable bool, err error) {
	switch {
	case stopped != nil:
		m.close()
		return nil, false, stopped
	case out.err == nil:
		return out.value, true, nil
	}
	err = m.limits.fault(out.err)
	if isLimit(err) {
		m.close()
		return nil, false, err
	}
	return nil, true, err
}

// used returns the time that the script has run, without the parsing of the body.
func (m *machine) used() time.Duration {
	if m.parsing.Load() {
		return 0
	}
	return m.clock.now() - time.Duration(m.parsed.Load())
}

func (m *machine) protected(call func() (any, error)) (v any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the interpreter failed: %v", p)
		}
	}()
	return call()
}
