package kit

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/metlo-go/metlo"
)

func TestCountSentinels(t *testing.T) {
	assert.Zero(t, CountSentinels(nil))
	assert.Zero(t, CountSentinels(errors.New("no sentinel")))
	for _, sentinel := range Sentinels() {
		assert.Equal(t, 1, CountSentinels(fmt.Errorf("call: %w", sentinel)), sentinel.Error())
	}
	assert.Equal(t, 2, CountSentinels(errors.Join(metlo.ErrServer, metlo.ErrConflict)))
}

func TestMalformed(t *testing.T) {
	notFound := func(message string) error {
		return &metlo.Error{StatusCode: 500, Kind: metlo.ErrNotFound, Message: message}
	}
	for name, row := range map[string]struct {
		err  error
		says string
	}{
		"an error of the SDK":   {notFound("no endpoint has this id"), ""},
		"an incomplete walk":    {&metlo.IncompleteError{Seen: 1, Total: 2, Missing: 1}, ""},
		"another error":         {errors.New("broken"), "neither"},
		"two sentinels":         {errors.Join(notFound("x"), metlo.ErrConflict), "more than one sentinel"},
		"two lines":             {fmt.Errorf("a\n%w", notFound("x")), "printable"},
		"a control character":   {fmt.Errorf("\x1b[31m%w", notFound("x")), "printable"},
		"a text of 5,000 bytes": {fmt.Errorf("%s%w", strings.Repeat("x", 5000), notFound("x")), "printable"},
		"a body of 17 KiB":      {&metlo.Error{StatusCode: 500, Kind: metlo.ErrServer, Body: make([]byte, 17<<10)}, "too much"},
	} {
		t.Run(name, func(t *testing.T) {
			wrong := Malformed(row.err)
			if row.says == "" {
				assert.Empty(t, wrong)
				return
			}
			assert.Contains(t, wrong, row.says)
		})
	}
}
