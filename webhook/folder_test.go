package webhook_test

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/webhook"
)

// TestFolderSurvivesACrash handles alerts after a restart that were answered with 202 before the process died.
func TestFolderSurvivesACrash(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "on", "demand")
	never := make(chan struct{})
	crashed := webhook.NewHandler(func(context.Context, *metlo.WebhookEvent) error {
		<-never
		return nil
	}, webhook.WithStore(openFolder(t, dir)), webhook.WithWorkers(1), webhook.WithReport(func(*metlo.WebhookEvent, error) {}))
	for n := range 20 {
		require.Equal(t, http.StatusAccepted, serve(crashed, post("/", alertNumber(n))).Code)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".saving-half"), []byte(`{"alert":{"uu`), 0o600))

	var log eventLog
	folder := openFolder(t, dir)
	h := webhook.NewHandler(log.handle, webhook.WithStore(folder), webhook.WithWorkers(1), webhook.WithReport(log.report))
	assert.Contains(t, []int{200, 202}, serve(h, post("/", alertNumber(3))).Code, "the sender's retry")
	require.Eventually(t, func() bool { return len(pendingIn(t, folder)) == 0 }, time.Minute, time.Millisecond)
	require.NoError(t, h.Shutdown(t.Context()))
	var want []string
	for n := range 20 {
		want = append(want, strconv.Itoa(n))
	}
	assert.ElementsMatch(t, want, log.handled, "each once")
	assert.Empty(t, log.reported)
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	assert.Equal(t, []string{filepath.Join(dir, "failed")}, left)
	close(never)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = crashed.Shutdown(ctx)
}

func TestOpenFolderRefuses(t *testing.T) {
	_, err := webhook.OpenFolder("")
	require.ErrorIs(t, err, metlo.ErrInvalidArgument)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = webhook.OpenFolder(file)
	require.ErrorContains(t, err, file)
	folder := openFolder(t, t.TempDir())
	for _, key := range []string{"", "../1", "a/b", "A", strings.Repeat("a", 101)} {
		require.Error(t, folder.Save(t.Context(), webhook.Delivery{Key: key, Body: []byte("{}")}), "%q", key)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, folder.Save(ctx, webhook.Delivery{Key: "1", Body: []byte("{}")}), context.Canceled)
	assert.Empty(t, pendingIn(t, folder))
	require.NoError(t, folder.Done(t.Context(), "unknown", nil))
}

// TestFolderKeepsOrderAndReplaces covers one process and a restart.
func TestFolderKeepsOrderAndReplaces(t *testing.T) {
	dir := t.TempDir()
	folder := openFolder(t, dir)
	for n := range 5 {
		require.NoError(t, folder.Save(t.Context(), webhook.Delivery{Key: strconv.Itoa(9 - n), Body: []byte{byte('a' + n)}}))
	}
	folder = openFolder(t, dir)
	require.NoError(t, folder.Save(t.Context(), webhook.Delivery{Key: "8", Body: []byte("B")}))
	require.NoError(t, folder.Save(t.Context(), webhook.Delivery{Key: "0", Body: []byte("z")}))
	assert.Equal(t, []string{"a", "B", "c", "d", "e", "z"}, pendingIn(t, folder))
}

// TestFolderReportsWhatIsGone removes parts of a folder: none of the lost deliveries counts as done.
func TestFolderReportsWhatIsGone(t *testing.T) {
	broken := errors.New("no such team")
	save := func(t *testing.T) (dir string, folder *webhook.Folder, file string) {
		t.Helper()
		dir = t.TempDir()
		folder = openFolder(t, dir)
		require.NoError(t, folder.Save(t.Context(), webhook.Delivery{Key: "1", Body: []byte("one")}))
		files, err := filepath.Glob(filepath.Join(dir, "*.json"))
		require.NoError(t, err)
		require.Len(t, files, 1)
		return dir, folder, files[0]
	}
	t.Run("the folder failed", func(t *testing.T) {
		dir, folder, _ := save(t)
		require.NoError(t, os.Remove(filepath.Join(dir, "failed")))
		require.ErrorContains(t, folder.Done(t.Context(), "1", broken), "folder failed is gone: create it")
		assert.Equal(t, []string{"one"}, pendingIn(t, folder), "it is still pending")
		require.NoError(t, os.Mkdir(filepath.Join(dir, "failed"), 0o700))
		require.NoError(t, folder.Done(t.Context(), "1", broken))
		assert.Empty(t, pendingIn(t, folder))
	})
	t.Run("a file in place of the folder failed", func(t *testing.T) {
		dir, folder, _ := save(t)
		require.NoError(t, os.Remove(filepath.Join(dir, "failed")))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "failed"), nil, 0o600))
		require.Error(t, folder.Done(t.Context(), "1", broken))
		assert.Equal(t, []string{"one"}, pendingIn(t, folder))
	})
	t.Run("the file, when it is read", func(t *testing.T) {
		_, folder, file := save(t)
		require.NoError(t, os.Remove(file))
		var errs []error
		for _, err := range folder.Pending(t.Context()) {
			errs = append(errs, err)
		}
		require.Len(t, errs, 1)
		require.ErrorContains(t, errs[0], filepath.Base(file)+" of a pending delivery is gone")
		assert.Empty(t, pendingIn(t, folder), "that is reported once")
	})
	t.Run("the file, when it is given up", func(t *testing.T) {
		_, folder, file := save(t)
		require.NoError(t, os.Remove(file))
		require.ErrorIs(t, folder.Done(t.Context(), "1", broken), fs.ErrNotExist)
	})
	t.Run("the file, when it was handled", func(t *testing.T) {
		_, folder, file := save(t)
		require.NoError(t, os.Remove(file))
		require.NoError(t, folder.Done(t.Context(), "1", nil))
		assert.Empty(t, pendingIn(t, folder))
	})
	t.Run("the whole folder", func(t *testing.T) {
		dir, folder, _ := save(t)
		require.NoError(t, os.Rename(dir, dir+"-elsewhere"))
		for _, err := range folder.Pending(t.Context()) {
			require.ErrorIs(t, err, fs.ErrNotExist)
		}
		require.Error(t, folder.Save(t.Context(), webhook.Delivery{Key: "2", Body: []byte("two")}))
		require.Error(t, folder.Done(t.Context(), "1", broken))
		require.NoError(t, os.Rename(dir+"-elsewhere", dir))
		assert.Equal(t, []string{"one"}, pendingIn(t, folder), "it is there again")
	})
}

// TestHandlerReportsThatTheFolderFailedIsGone has an alert given up that cannot be moved.
func TestHandlerReportsThatTheFolderFailedIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log eventLog
		dir := t.TempDir()
		folder := openFolder(t, dir)
		h := webhook.NewHandler(func(context.Context, *metlo.WebhookEvent) error { return errors.New("no such team") },
			webhook.WithStore(folder), webhook.WithReport(log.report))
		require.NoError(t, os.Remove(filepath.Join(dir, "failed")))
		serve(h, post("/", alertNumber(1)))
		require.NoError(t, h.Shutdown(t.Context()))
		require.Equal(t, []string{"1"}, log.reported)
		require.ErrorIs(t, log.errs[0], webhook.ErrStore)
		require.ErrorContains(t, log.errs[0], "no such team")
		require.ErrorContains(t, log.errs[0], "folder failed is gone")
		assert.Len(t, pendingIn(t, folder), 1)
	})
}
