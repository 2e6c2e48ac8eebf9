package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"

	"golang.org/x/term"
)

// confirm asks for confirmation on a terminal. Elsewhere it reports false without --yes, and prints a line that names
// the flag.
func (a *app) confirm(ctx context.Context, yes bool, what string) (bool, error) {
	if yes {
		return true, nil
	}
	if !isTerminal(a.in) {
		a.note("Nothing changed: add --yes.")
		return false, nil
	}
	fmt.Fprint(a.err, sprintLine("%s? [y/N] ", what))
	answer, err := readLine(ctx, a.in)
	switch {
	case errors.Is(err, io.EOF): // Ctrl-D
		fmt.Fprintln(a.err)
	case err != nil:
		return false, err
	}
	if strings.EqualFold(answer, "y") || strings.EqualFold(answer, "yes") {
		return true, nil
	}
	a.note("Nothing changed.")
	return false, nil
}

// readLine reads a line, or returns the error of the context if that ends first.
func readLine(ctx context.Context, r io.Reader) (string, error) {
	return await(ctx, func() (string, error) {
		line, err := bufio.NewReader(r).ReadString('\n')
		if errors.Is(err, io.EOF) && line != "" {
			err = nil
		}
		return strings.TrimSpace(line), err
	})
}

// readSecret reads a line without echo from a terminal, or everything from another input.
func (a *app) readSecret(ctx context.Context, prompt string) (string, error) {
	file, ok := a.in.(*os.File)
	if !ok || !isTerminal(file) {
		return await(ctx, func() (string, error) {
			data, err := io.ReadAll(io.LimitReader(a.in, 64<<10))
			return strings.TrimSpace(string(data)), err
		})
	}
	fmt.Fprint(a.err, prompt)
	defer fmt.Fprintln(a.err)
	// An interrupted read never restores the echo by itself.
	giveBack := terminalState()
	defer giveBack()
	return await(ctx, func() (string, error) {
		data, err := term.ReadPassword(int(file.Fd()))
		return strings.TrimSpace(string(data)), err
	})
}

// await runs a function that cannot be interrupted, such as a read from a terminal, and returns early when the context
// ends.
func await(ctx context.Context, read func() (string, error)) (string, error) {
	type result struct {
		text string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		text, err := read()
		done <- result{text, err}
	}()
	select {
	case r := <-done:
		return r.text, r.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// each returns an iterator over the items of a slice.
func each[T any](items []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, item := range items {
			if !yield(item, nil) {
				return
			}
		}
	}
}
