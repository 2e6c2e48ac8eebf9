package instanceconfig

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"

	"github.com/rogpeppe/go-internal/diff"
	"go.yaml.in/yaml/v4"

	"github.com/metlo-go/metlo/cmd/metlo/internal/yamlfile"
)

// Diff returns the difference in meaning between two configurations, because the instance stores neither comments nor
// layout. It shows marks in place of the values of globalTestEnv, unless secrets is set. Equal values have equal marks.
// The result is empty if there is no difference.
func Diff(oldName, oldText, newName, newText string, secrets bool) ([]byte, error) {
	var hide func(string) string
	if !secrets {
		key := []byte(rand.Text()) // a random key, so that a mark reveals nothing about a value
		hide = func(value string) string {
			mark := hmac.New(sha256.New, key)
			mark.Write([]byte(value))
			return fmt.Sprintf("[hidden, %x]", mark.Sum(nil)[:4])
		}
	}
	before, err := canonical(oldText, hide)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", oldName, err)
	}
	after, err := canonical(newText, hide)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", newName, err)
	}
	return diff.Diff(oldName, []byte(before), newName, []byte(after)), nil
}

func canonical(text string, hide func(string) string) (string, error) {
	root, err := yamlfile.Load(text)
	if err != nil || root == nil {
		return "", err
	}
	if env := yamlfile.Get(root, "globalTestEnv"); hide != nil {
		for _, item := range yamlfile.Items(env) {
			if value := yamlfile.Get(item, "value"); value != nil {
				*value = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: hide(yamlfile.Text(value))}
			}
		}
	}
	var values any // decoding drops comments, anchors and the order of keys
	if err := root.Load(&values); err != nil {
		return "", err
	}
	canonical, err := yaml.Dump(values, yaml.WithIndent(2), yaml.WithCompactSeqIndent(false), yaml.WithLineWidth(-1))
	return string(canonical), err
}
