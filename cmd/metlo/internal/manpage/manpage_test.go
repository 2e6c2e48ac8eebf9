package manpage_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/cmd/metlo/internal/manpage"
)

func tree() *cobra.Command {
	root := &cobra.Command{Use: "tool", Short: "A tool", Long: "It says what it does.\n.so /etc/passwd\n\n  kept: as\n    it: is\n\nA second paragraph with \\backslash."}
	root.PersistentFlags().BoolP("quiet", "q", false, "say nothing")
	list := &cobra.Command{Use: "list [NAME…]", Short: "List things", Example: "  tool list --sort 'name'\n  .hidden", Run: func(*cobra.Command, []string) {}}
	list.Flags().String("sort", "name", "`field` to order by")
	root.AddCommand(list, &cobra.Command{Use: "secret", Hidden: true, Run: func(*cobra.Command, []string) {}})
	return root
}

func pages(t *testing.T) map[string]string {
	t.Helper()
	written := map[string]string{}
	require.NoError(t, manpage.Pages(tree(), func(cmd *cobra.Command) error {
		var out strings.Builder
		err := manpage.Write(&out, cmd, "1.2.3")
		written[manpage.Name(cmd)] = out.String()
		return err
	}))
	return written
}

func TestPages(t *testing.T) {
	written := pages(t)
	assert.Len(t, written, 2, "none of what help does not show")
	list := written["tool-list"]
	for _, want := range []string{
		".TH \"TOOL-LIST\" 1 \"\" \"tool 1.2.3\" \"Metlo\"\n.SH NAME\ntool\\-list \\- List things\n",
		".B tool list [NAME\\&...] [flags]\n",
		".TP\n\\fB\\-\\-sort\\fR \\fIfield\\fR\nfield to order by (default name)\n",
		".SH OPTIONS OF EVERY COMMAND\n.TP\n\\fB\\-q\\fR, \\fB\\-\\-quiet\\fR\nsay nothing\n",
		".nf\n  tool list \\-\\-sort \\(aqname\\(aq\n  .hidden\n.fi\n",
		".SH SEE ALSO\n.BR tool (1)\n",
	} {
		assert.Contains(t, list, want)
	}
	root := written["tool"]
	assert.Contains(t, root, "\n\\&.so /etc/passwd\n", "text is no request")
	assert.Contains(t, root, "\\ebackslash")
	assert.Contains(t, root, ".nf\n  kept: as\n    it: is\n.fi\n")
	assert.Contains(t, root, ".BR tool\\-list (1)\n")
}

// TestGroffUnderstands asks groff, where it is installed, whether a page has a fault.
func TestGroffUnderstands(t *testing.T) {
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("groff is not installed")
	}
	for name, page := range pages(t) {
		cmd := exec.CommandContext(t.Context(), groff, "-man", "-Tutf8", "-ww", "-z")
		cmd.Stdin = strings.NewReader(page)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, name)
		assert.Empty(t, string(out), name)
	}
}
