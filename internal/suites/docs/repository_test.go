package docs_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"

	"github.com/metlo-go/metlo/internal/suites/kit"
)

// readYAML reads a file of the repository.
func readYAML(t *testing.T, file string, v any) {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(data, v), file)
}

// moduleFolders returns the folder of each go.mod, "." for the root.
func moduleFolders(t *testing.T) []string {
	t.Helper()
	var folders []string
	require.NoError(t, filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Name() == "go.mod" {
			folders = append(folders, path.Dir(filepath.ToSlash(file)))
		}
		return err
	}))
	require.Contains(t, folders, ".")
	require.Contains(t, folders, "cmd/metlo")
	return folders
}

// TestDependabotWatchesEveryModule compares the folders of dependabot.yml with the modules of the repository.
func TestDependabotWatchesEveryModule(t *testing.T) {
	t.Chdir(kit.Root())
	var config struct {
		Updates []struct {
			Ecosystem   string   `yaml:"package-ecosystem"`
			Directory   string   `yaml:"directory"`
			Directories []string `yaml:"directories"`
		} `yaml:"updates"`
	}
	readYAML(t, ".github/dependabot.yml", &config)
	watched := map[string][]string{}
	for _, update := range config.Updates {
		if update.Directory != "" {
			update.Directories = append(update.Directories, update.Directory)
		}
		watched[update.Ecosystem] = append(watched[update.Ecosystem], update.Directories...)
	}
	var want []string
	for _, folder := range moduleFolders(t) {
		want = append(want, path.Join("/", folder))
	}
	assert.ElementsMatch(t, want, watched["gomod"])
	assert.Equal(t, []string{"/"}, watched["github-actions"])
}

// TestWorkflowsAreConfined checks the permissions of workflows, and that their jobs end.
func TestWorkflowsAreConfined(t *testing.T) {
	t.Chdir(kit.Root())
	files, err := filepath.Glob(".github/workflows/*")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 2)
	uses, pinned := regexp.MustCompile(`(?m)^.*\buses:.*$`), regexp.MustCompile(`uses: (\./|[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$`)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			var workflow struct {
				On          map[string]any    `yaml:"on"`
				Permissions map[string]string `yaml:"permissions"`
				Concurrency map[string]any    `yaml:"concurrency"`
				Jobs        map[string]struct {
					Timeout int              `yaml:"timeout-minutes"`
					Steps   []map[string]any `yaml:"steps"`
				} `yaml:"jobs"`
			}
			readYAML(t, file, &workflow)
			assert.NotEmpty(t, workflow.On)
			assert.NotContains(t, workflow.On, "pull_request_target", "it runs with the secrets of the repository")
			assert.Equal(t, map[string]string{"contents": "read"}, workflow.Permissions)
			assert.NotEmpty(t, workflow.Concurrency["group"])
			require.NotEmpty(t, workflow.Jobs)
			for name, job := range workflow.Jobs {
				assert.Positive(t, job.Timeout, "job %s has no timeout-minutes", name)
				require.NotEmpty(t, job.Steps, name)
				for _, step := range job.Steps {
					script, _ := step["run"].(string)
					assert.NotContains(t, script, "${{", "job %s: pass the value in env", name)
					if action, _ := step["uses"].(string); strings.HasPrefix(action, "actions/checkout@") {
						with, _ := step["with"].(map[string]any)
						assert.Equal(t, false, with["persist-credentials"], "job %s keeps the token", name)
					}
				}
			}
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, line := range uses.FindAllString(string(text), -1) {
				assert.Regexp(t, pinned, line, "name the commit, and its version in a comment")
			}
		})
	}
}

// TestCIRunsTheOldestGo compares the first version of ci.yml with that of go.mod.
func TestCIRunsTheOldestGo(t *testing.T) {
	t.Chdir(kit.Root())
	var workflow struct {
		Jobs map[string]struct {
			Strategy struct {
				Matrix struct {
					Go []string `yaml:"go"`
				} `yaml:"matrix"`
			} `yaml:"strategy"`
		} `yaml:"jobs"`
	}
	readYAML(t, ".github/workflows/ci.yml", &workflow)
	for _, folder := range moduleFolders(t) {
		data, err := os.ReadFile(filepath.Join(folder, "go.mod"))
		require.NoError(t, err)
		oldest := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(string(data))
		require.NotNil(t, oldest, folder)
		assert.Equal(t, []string{oldest[1], "stable"}, workflow.Jobs["run"].Strategy.Matrix.Go, "module %s", folder)
	}
}

// TestIssueFormsWarnOfSecrets checks that each form can be sent, and warns before anything is asked.
func TestIssueFormsWarnOfSecrets(t *testing.T) {
	t.Chdir(kit.Root())
	for _, name := range []string{"bug", "server-difference", "feature"} {
		t.Run(name, func(t *testing.T) {
			var form struct {
				Name        string `yaml:"name"`
				Description string `yaml:"description"`
				Body        []struct {
					Type       string         `yaml:"type"`
					ID         string         `yaml:"id"`
					Attributes map[string]any `yaml:"attributes"`
				} `yaml:"body"`
			}
			readYAML(t, ".github/ISSUE_TEMPLATE/"+name+".yml", &form)
			assert.NotEmpty(t, form.Name)
			assert.NotEmpty(t, form.Description)
			require.NotEmpty(t, form.Body)
			assert.Equal(t, "markdown", form.Body[0].Type)
			assert.Contains(t, form.Body[0].Attributes["value"], "**Leave secrets out.**")
			ids := map[string]bool{}
			for _, field := range form.Body[1:] {
				assert.Contains(t, []string{"checkboxes", "dropdown", "input", "textarea"}, field.Type)
				assert.Regexp(t, `^[a-z]+$`, field.ID)
				assert.False(t, ids[field.ID], "two fields have the id %s", field.ID)
				ids[field.ID] = true
				assert.NotEmpty(t, field.Attributes["label"], field.ID)
			}
		})
	}
}
