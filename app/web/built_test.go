package web_test

import (
	"bytes"
	"flag"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

var update = flag.Bool("update", false, "rewrite the files of built/ that differ from their source")

// TestBuiltFilesOfTheManualMatchTheirSources renders the manual and compares it with
// the committed files.
func TestBuiltFilesOfTheManualMatchTheirSources(t *testing.T) {
	t.Parallel()
	compareBuilt(t, renderManual(t), func(name string) bool { return !strings.HasPrefix(name, "page/") })
}

// compareBuilt compares the committed files that concern selects with what they must
// contain, by their names without the encoding. With -update it writes them. It
// compares what the files contain, not their bytes: another release of Go may
// compress differently.
func compareBuilt(t *testing.T, want map[string][]byte, concern func(name string) bool) {
	t.Helper()
	got := map[string]map[string][]byte{} // content by name and encoding
	err := filepath.WalkDir("built", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		encoding := filepath.Ext(file)
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.ToSlash(file), "built/"), encoding)
		if got[name] == nil {
			got[name] = map[string][]byte{}
		}
		got[name][encoding] = unpack(t, file, encoding)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if want[name] != nil || !concern(name) {
			continue
		}
		if !*update {
			t.Errorf("built/%s has no source; run make web", name)
			continue
		}
		for encoding := range got[name] {
			if err := os.Remove("built/" + name + encoding); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if bytes.Equal(got[name][".gz"], want[name]) && bytes.Equal(got[name][".br"], want[name]) {
			continue
		}
		if !*update {
			t.Errorf("built/%s differs from its source; run make web", name)
			continue
		}
		writeBuilt(t, "built/"+name, want[name])
	}
}

func unpack(t *testing.T, file, encoding string) []byte {
	t.Helper()
	compressed, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var plain bytes.Buffer
	if encoding == ".br" {
		_, err = fasthttp.WriteUnbrotli(&plain, compressed)
	} else {
		_, err = fasthttp.WriteGunzip(&plain, compressed)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return plain.Bytes()
}

func writeBuilt(t *testing.T, file string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	for encoding, compressed := range map[string][]byte{
		".gz": fasthttp.AppendGzipBytesLevel(nil, content, fasthttp.CompressBestCompression),
		".br": fasthttp.AppendBrotliBytesLevel(nil, content, fasthttp.CompressBrotliBestCompression),
	} {
		if err := os.WriteFile(file+encoding, compressed, 0o644); err != nil { //nolint:gosec // a source file, readable by all
			t.Fatal(err)
		}
	}
}
