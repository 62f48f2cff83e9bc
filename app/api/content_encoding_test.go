package api_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"strings"
	"sync"
	"testing"

	"smart-factory-backend/app/api"

	"github.com/klauspost/compress/zstd"
)

// packed compresses a body with a writer.
func packed[W io.WriteCloser](t testing.TB, body string, open func(io.Writer) (W, error)) string {
	t.Helper()
	var b bytes.Buffer
	w, err := open(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func zstdOf(t testing.TB, body string, options ...zstd.EOption) string {
	t.Helper()
	return packed(t, body, func(w io.Writer) (*zstd.Encoder, error) { return zstd.NewWriter(w, options...) })
}

func zlibOf(t testing.TB, body string) string {
	t.Helper()
	return packed(t, body, func(w io.Writer) (*zlib.Writer, error) { return zlib.NewWriter(w), nil })
}

func flateOf(t testing.TB, body string) string {
	t.Helper()
	return packed(t, body, func(w io.Writer) (*flate.Writer, error) { return flate.NewWriter(w, 6) })
}

// Each way in takes each coding.
func TestContentEncodings(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	for path, body := range map[string]string{
		"/api/v1/telemetry":               `{"machine":"m","values":{"a":1}}`,
		"/api/v2/write":                   "m,host=m f=1",
		"/write?db=d":                     "m,host=m f=1",
		"/api/v1/token/telemetry":         `{"a":1}`,
		"/api/v1/token/gateway/telemetry": `{"m":[{"ts":1700000000000,"values":{"a":1}}]}`,
		"/api/v1/machines/m/events":       `{"kind":"note","text":"x","id":"1","ts":1700000000000}`,
	} {
		for name, coded := range map[string]struct{ coding, body string }{
			"gzip": {"gzip", gzipped(t, body)}, "GZIP": {"GZIP", gzipped(t, body)}, "zlib": {"deflate", zlibOf(t, body)}, "raw deflate": {"deflate", flateOf(t, body)},
			"zstd": {"zstd", zstdOf(t, body)}, "zstd in frames": {"zstd", zstdOf(t, body[:5]) + zstdOf(t, body[5:])},
		} {
			if a := p.do(t, "POST", path, coded.body, "Content-Encoding: "+coded.coding); a.status > 204 {
				t.Errorf("POST %s as %s = %+v, want success", path, name, a)
			}
		}
	}
}

func TestContentEncodingLimits(t *testing.T) {
	t.Parallel()
	p := startServer(t, func(o *api.Options, _ *testServer) { o.MaxDecompressed = 1 << 20 })
	large := "#" + strings.Repeat(" ", 1<<20)
	valid := zstdOf(t, "m,host=h f=1")
	for name, tt := range map[string]struct {
		coding, body string
		status       int
		detail       string
	}{
		"a bomb of zlib":               {"deflate", zlibOf(t, large), 413, "the decompressed body is larger than 1048576 bytes"},
		"a bomb of deflate":            {"deflate", flateOf(t, large), 413, "larger than"},
		"a bomb of zstd":               {"zstd", zstdOf(t, large), 413, "larger than"},
		"zstd with a huge window":      {"zstd", zstdOf(t, strings.Repeat("x", 9<<20), zstd.WithWindowSize(16<<20)), 400, "not valid zstd"},
		"zstd that ends early":         {"zstd", valid[:len(valid)-3], 400, "not valid zstd"},
		"zlib that ends early":         {"deflate", zlibOf(t, "m,host=h f=1")[:10], 400, "not valid deflate"},
		"zlib with a wrong checksum":   {"deflate", zlibOf(t, "m,host=h f=1")[:18] + "xxxx", 400, "not valid deflate"},
		"neither zlib nor deflate":     {"deflate", "\xff\xff\xff\xff", 400, "not valid deflate"},
		"not zstd":                     {"zstd", "m,host=h f=1", 400, "not valid zstd"},
		"gzip as zstd":                 {"zstd", gzipped(t, "m,host=h f=1"), 400, "not valid zstd"},
		"valid zstd after all of that": {"zstd", valid, 204, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if a := p.do(t, "POST", "/api/v2/write", tt.body, "Content-Encoding: "+tt.coding); a.status != tt.status || !strings.Contains(a.body, tt.detail) {
				t.Errorf("write = %+v, want %d with %q", a, tt.status, tt.detail)
			}
		})
	}
}

// More requests than decoders wait for each other and all succeed.
func TestManyZstdBodiesAtOnce(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	body := zstdOf(t, "m,host=h f=1")
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if a := p.do(t, "POST", "/api/v2/write", body, "Content-Encoding: zstd"); a.status != 204 {
				t.Errorf("write = %+v, want 204", a)
			}
		})
	}
	all.Wait()
}

// A body that is unpacked is what was packed, and any other bytes are an error.
func FuzzContentEncoding(f *testing.F) {
	const body = "m,host=h f=1 1700000000000000000\nm,host=h f=2 1700000000000000001"
	f.Add("gzip", []byte(gzipped(f, body)))
	f.Add("deflate", []byte(zlibOf(f, body)))
	f.Add("deflate", []byte(flateOf(f, body)))
	f.Add("zstd", []byte(zstdOf(f, body)))
	f.Fuzz(func(t *testing.T, coding string, raw []byte) {
		const limit = 1 << 16
		if got, err := api.Unpack(coding, raw, limit); err == nil && len(got) > limit {
			t.Errorf("%s of %d bytes unpacks to %d, the limit is %d", coding, len(raw), len(got), limit)
		}
		plain := raw[:min(len(raw), limit)]
		var gz bytes.Buffer
		w := gzip.NewWriter(&gz)
		_, _ = w.Write(plain)
		_ = w.Close()
		for coding, packed := range map[string]string{"gzip": gz.String(), "deflate": zlibOf(t, string(plain)), "zstd": zstdOf(t, string(plain))} {
			if got, err := api.Unpack(coding, []byte(packed), limit); err != nil || !bytes.Equal(got, plain) {
				t.Errorf("Unpack(%s) = %q, %v, want %q", coding, got, err, plain)
			}
		}
	})
}
