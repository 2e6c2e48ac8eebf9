package jsyaml_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/internal/jsyaml"
)

// suiteCase is a case of the YAML test suite, with what js-yaml makes of it.
type suiteCase struct {
	ID, Name, YAML string
	// JSON holds the documents, one after another; nil where JSON cannot hold them.
	JSON *string
	Fail bool
	// Values and Error are js-yaml's.
	Values []any
	Error  string
}

// departures says for the cases that js-yaml, and so this package, treats otherwise than the suite wants, why.
func departures() map[string]string {
	all := map[string]string{}
	for ids, why := range map[string]string{
		"2SXE 74H7 7FWL E76Z HMQ5 ZH7C":          "an anchor or a tag before the first key of a mapping ends it: properties belong to the mapping, not to the key",
		"6BFJ 7BMT 9KAX U3XV":                    "an anchor of a mapping and one of its first key count as two anchors of one node",
		"2JQS 6M2F M2N8-00 NHX8 NKF9":            "a mapping may not start with a colon, that is, with an empty key",
		"S3PD SM9W-01 UKK6-00":                   "a mapping may not start with a colon, that is, with an empty key",
		"26DV FH7J PW8X":                         "an alias, an anchor or a tag without content before a colon is no key",
		"4MUZ-00 4MUZ-01 4MUZ-02 5MUD K3WX 9SA2": "in a flow mapping the colon stands on the line of its key",
		"NJ66 UT92 VJP3-01":                      "in a flow mapping the colon stands on the line of its key",
		"4FJ6":                                   "a list in a list is no key",
		"X38W":                                   "[a] and its alias are one key as text, a",
		"WZ62":                                   "a tag ends at white space only, not at a comma",
		"565N RZT7":                              "!!binary and timestamps have types of their own, where the suite's JSON has strings",
		"5TYM 6CK3 6WLZ 9WXW C4HZ CC74 CUP7 P76L": "tags that the default schema does not have are refused",
		"UGM3 Z67P Z9M4": "tags that the default schema does not have are refused",
		"6WPF 7A4E 9TFX NAT4 NP9H PRH3 Q8AD T4YY": "spaces before a line break in quotes stay",
		"TL85 DE56-01 DE56-03 DE56-04 DE56-05":    "spaces before a line break in quotes stay",
		"DK3J FP8R":                               "a block scalar without indentation at the end of the text folds its last line break",
		"8G76 98YD HWV9 M7A3 QT73":                "a text or a part without content is a document with null",
		"82AN":                                    "--- needs no space after it",
		"W4TN":                                    "a line that starts with % after the end of a block scalar without indentation belongs to it",
		"3HFZ":                                    "what follows ... on its line is the next document",
		"9C9N 9KBC H7J7 QB6E S98Z":                "read, although the suite wants it refused: indentation is not checked everywhere",
		"9JBA CVW2 SU5Z":                          "read, although the suite wants it refused: a comment needs no space before it after a closing quote or bracket",
		"DK95-01 Y79Y-000 Y79Y-003":               "read, although the suite wants it refused: tabs are refused before block collections only",
	} {
		for _, id := range strings.Fields(ids) {
			all[id] = why
		}
	}
	return all
}

func TestYAMLTestSuite(t *testing.T) {
	cases := readJSON[suiteCase](t, "yaml-test-suite.json")
	reasons := departures()
	var asJSYAML, asSuite int
	var list []string
	for _, c := range cases {
		documents, err := jsyaml.LoadAll(c.YAML)
		if t.Run(c.ID, func(t *testing.T) { checkSuite(t, c, documents, err) }) {
			asJSYAML++
		}
		why, departs := reasons[c.ID]
		if asTheSuite(t, c, documents, err) {
			asSuite++
			assert.False(t, departs, "%s agrees: take it off the list", c.ID)
			continue
		}
		assert.True(t, departs, "%s (%s) departs from the suite for no listed reason", c.ID, c.Name)
		list = append(list, fmt.Sprintf("  %s: %s", why, c.ID))
	}
	slices.Sort(list)
	fmt.Printf("jsyaml: YAML test suite: %d of %d cases as js-yaml 4.1.0, %d of %d as the suite; the others, as js-yaml:\n%s\n",
		asJSYAML, len(cases), asSuite, len(cases), strings.Join(list, "\n"))
}

func checkSuite(t *testing.T, c suiteCase, documents []*jsyaml.Node, err error) {
	if c.Error != "" {
		require.EqualError(t, err, c.Error)
		return
	}
	require.NoError(t, err)
	got := []any{}
	for _, d := range documents {
		got = append(got, encoded(d))
	}
	assert.Equal(t, c.Values, got)
}

// asTheSuite reports whether a text is read or refused as the suite wants it.
func asTheSuite(t *testing.T, c suiteCase, documents []*jsyaml.Node, err error) bool {
	t.Helper()
	if c.Fail || err != nil {
		return c.Fail && err != nil
	}
	if c.JSON == nil {
		return true
	}
	want, got := []any{}, []any{}
	for decoder := json.NewDecoder(strings.NewReader(*c.JSON)); decoder.More(); {
		var v any
		require.NoError(t, decoder.Decode(&v))
		want = append(want, v)
	}
	for _, d := range documents {
		got = append(got, d.Values(func(keys []string, values []any) any {
			m := map[string]any{}
			for i, key := range keys {
				m[key] = values[i]
			}
			return m
		}))
	}
	return reflect.DeepEqual(want, got)
}
