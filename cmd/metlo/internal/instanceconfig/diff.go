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

// Diff compares two configurations by what they mean: the instance keeps neither comments nor layout. Values of
// globalTestEnv are shown as marks that tell equal from different, unless secrets are to be shown. It is empty if there
// is no difference.
func Diff(oldName, oldText, newName, newText string, secrets bool) ([]byte, error) {
	var hide func(string) string
	if !secrets {
		key := []byte(rand.Text()) // another each time, so that a mark says nothing about a value
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
	var values any // without comments, anchors and the order of keys
	if err := root.Load(&values); err != nil {
		return "", err
	}
	canonical, err := yaml.Dump(values, yaml.WithIndent(2), yaml.WithCompactSeqIndent(false), yaml.WithLineWidth(-1))
	return string(canonical), err
}
