package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func runDemo(t *testing.T, args ...string) (code int, stdout string) {
	t.Helper()
	var out, log bytes.Buffer
	code, err := run(t.Context(), args, &out, &log)
	require.NoError(t, err, log.String())
	return code, out.String()
}

func TestTheDemoFindsTheBrokenEndpoints(t *testing.T) {
	dir := t.TempDir()
	code, out := runDemo(t, "-out", dir)
	assert.Equal(t, findings, code)
	for _, line := range []string{
		`(?m)^failed +VALIDATE_AUTH_RULES +GET /admin/users +5 +2$`,
		`(?m)^passed +BROKEN_AUTHENTICATION +GET /admin/users +2 +0$`,
		`(?m)^failed +VALIDATE_AUTH_RULES +GET /orders/\{param1\} +5 +2$`,
		`(?m)^failed +BROKEN_AUTHENTICATION +GET /profile +2 +1$`,
		`(?m)^failed +HSTS +GET /profile +1 +1$`,
		`Customer\(name=ann\) does not have read access to Order\(id=o2,owner=bob\)\.`,
	} {
		assert.Regexp(t, line, out)
	}
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, files, 9)
}

func TestTheFixedDemoIsClean(t *testing.T) {
	code, out := runDemo(t, "-fixed", "-out", t.TempDir())
	assert.Equal(t, clean, code, out)
	assert.NotRegexp(t, `(?m)^(failed|inconclusive)`, out)
}

func TestFlags(t *testing.T) {
	for _, args := range [][]string{{"-host", "h"}, {"-base-url", "http://h"}, {"extra"}, {"-set", "x"}, {"-nope"}, {"-templates", "NOPE"},
		{"-fixed", "-host", "h", "-base-url", "http://h"}} {
		var out, log bytes.Buffer
		code, err := run(t.Context(), args, &out, &log)
		assert.Error(t, err, args)
		assert.Equal(t, unknown, code, args)
	}
}
