package instanceconfig

import (
	"crypto/sha256"
	"fmt"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/metlo-go/metlo/internal/jsyaml"
)

// Diff compares two configurations by what they mean: the instance keeps neither comments nor layout. Values of
// globalTestEnv are shown as marks that tell equal from different, unless secrets are to be shown. It is empty if there
// is no difference.
func Diff(oldName, oldText, newName, newText string, secrets bool) ([]byte, error) {
	before, err := canonical(oldText, secrets)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", oldName, err)
	}
	after, err := canonical(newText, secrets)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", newName, err)
	}
	return diff.Diff(oldName, []byte(before), newName, []byte(after)), nil
}

func canonical(text string, secrets bool) (string, error) {
	root, err := jsyaml.Load(text)
	if err != nil || root == nil {
		return "", err
	}
	if env := root.Get("globalTestEnv"); env != nil && !secrets {
		for _, item := range env.Items {
			if value := item.Get("value"); value != nil {
				value.Kind, value.Text = jsyaml.String, fmt.Sprintf("[hidden, %x]", sha256.Sum256([]byte(value.Text)))[:16]+"]"
			}
		}
	}
	return jsyaml.Dump(root, jsyaml.DumpOptions{SortKeys: true, NoRefs: true, LineWidth: -1})
}
