package main

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/valyala/fasthttp"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/ingest/lineprotocol"
)

func TestServeAcceptsLineProtocol(t *testing.T) {
	t.Parallel()
	e, err := openRows(t.Context(), filepath.Join(t.TempDir(), "test.db"))
	if err != nil {
		t.Fatal(err)
	}
	h := &handler{ctx: t.Context(), engine: e}
	post := func(query, body string) int {
		var request fasthttp.Request
		request.Header.SetMethod("POST")
		request.SetRequestURI("/api/v2/write" + query)
		request.SetBodyString(body)
		var ctx fasthttp.RequestCtx
		ctx.Init(&request, nil, nil)
		h.serveHTTP(&ctx)
		return ctx.Response.StatusCode()
	}
	for body, want := range map[string]int{
		"m,machine=a x=1,y=2,s=\"text\" 1000\nm,machine=a x=3 2000": 204, "m,machine=a x= 1000": 400, "m,host=a x=1 1000": 400, "m,machine=a x=1": 400,
	} {
		if got := post("?precision=ms", body); got != want {
			t.Errorf("%q: status %d, want %d", body, got, want)
		}
	}
	if got := post("?precision=h", ""); got != 400 {
		t.Errorf("an unknown precision: status %d, want 400", got)
	}
	for metric, want := range map[string]int{"x": 2, "y": 1, "s": 0} {
		if n, err := e.raw(t.Context(), "a", metric, 0, 10_000); err != nil || n != want {
			t.Errorf("%d points of %s, %v; want %d", n, metric, err, want)
		}
	}
	if err := e.close(); err != nil {
		t.Error(err)
	}
}

func FuzzDecodeLines(f *testing.F) {
	f.Add([]byte("m,machine=a x=1,y=2i,s=\"te\nxt\" 1000\n# comment\nm,machine=b\\ c z=t -5\n"))
	f.Add([]byte("m x=1 1"))
	f.Add([]byte("m,machine=a x="))
	f.Fuzz(func(t *testing.T, body []byte) {
		size := len(body)
		readings, err := decodeLines(nil, bytes.Clone(body), lineprotocol.Nanosecond)
		if len(readings) > size {
			t.Errorf("%d readings of %d bytes", len(readings), size)
		}
		if err != nil {
			return
		}
		for _, r := range readings {
			if r.Machine == "" || r.Metric == "" || factory.ValidateValue(r.Value) != nil {
				t.Errorf("%+v of %q", r, body)
			}
		}
	})
}
