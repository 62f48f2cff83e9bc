package web_test

import (
	"bytes"
	"compress/gzip"
	"flag"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the files of built/ that differ from their source")

// TestBuiltFilesMatchTheirSources renders the manual and compares it with the
// committed files. It compares what the files contain, not their bytes: another
// release of Go may compress differently.
func TestBuiltFilesMatchTheirSources(t *testing.T) {
	t.Parallel()
	want := renderManual(t)
	got := map[string][]byte{}
	err := filepath.WalkDir("built", func(file string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			got[file] = gunzip(t, file)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range slices.Sorted(maps.Keys(got)) {
		if want[file] != nil {
			continue
		}
		if !*update {
			t.Errorf("%s has no source; run make web", file)
		} else if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range slices.Sorted(maps.Keys(want)) {
		if bytes.Equal(got[file], want[file]) {
			continue
		}
		if !*update {
			t.Errorf("%s differs from its source; run make web", file)
			continue
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, gzipped(t, want[file]), 0o644); err != nil { //nolint:gosec // a source file, readable by all
			t.Fatal(err)
		}
	}
}

func gunzip(t *testing.T, file string) []byte {
	t.Helper()
	compressed, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return plain
}

func gzipped(t *testing.T, plain []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
