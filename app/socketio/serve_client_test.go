package socketio_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"smart-factory-backend/app/socketio"
	"smart-factory-backend/app/socketio/engineio"
)

// clientFileNames are the files that the Node.js server serves.
var clientFileNames = []string{
	"socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js",
	"socket.io.js.map", "socket.io.min.js.map", "socket.io.esm.min.js.map", "socket.io.msgpack.min.js.map",
}

// fetch sends a request without Go's own Accept-Encoding, and returns the body.
func (ts *testServer) fetch(t *testing.T, method, path string, header http.Header) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+ts.addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		req.Header = header
	}
	client := http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, body
}

func TestServeClientFiles(t *testing.T) {
	t.Parallel()
	ts := startServer(t, socketio.Options{}, nil)
	for _, name := range clientFileNames {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path, contentType := "/socket.io/"+name, "application/javascript; charset=utf-8"
			if strings.HasSuffix(name, ".map") {
				contentType = "application/json; charset=utf-8"
			}
			resp, plain := ts.fetch(t, http.MethodGet, path+"?v=1", nil)
			for header, want := range map[string]string{
				"Content-Type": contentType, "Cache-Control": "public, max-age=0",
				"Etag": `"` + socketio.ClientVersion + `"`, "Content-Encoding": "",
			} {
				if got := resp.Header.Get(header); resp.StatusCode != http.StatusOK || got != want {
					t.Errorf("GET %s: %d, %s %q, want 200, %q", path, resp.StatusCode, header, got, want)
				}
			}
			if !strings.HasSuffix(name, ".map") && !bytes.HasPrefix(plain, []byte("/*!\n * Socket.IO v"+socketio.ClientVersion+"\n")) {
				t.Errorf("GET %s = %.60q, want the licence header of version %s", path, plain, socketio.ClientVersion)
			}
			resp, packed := ts.fetch(t, http.MethodGet, path, http.Header{"Accept-Encoding": {"gzip, deflate, br"}})
			if got := resp.Header.Get("Content-Encoding"); got != "gzip" || !strings.Contains(strings.Join(resp.Header["Vary"], ","), "Accept-Encoding") {
				t.Errorf("GET %s: Content-Encoding %q, Vary %q", path, got, resp.Header["Vary"])
			}
			r, err := gzip.NewReader(bytes.NewReader(packed))
			if err != nil {
				t.Fatal(err)
			}
			if unpacked, err := io.ReadAll(r); err != nil || !bytes.Equal(unpacked, plain) {
				t.Errorf("GET %s with gzip: %d bytes, %v, want the %d of the plain file", path, len(unpacked), err, len(plain))
			}
			if resp, body := ts.fetch(t, http.MethodHead, path, nil); resp.ContentLength != int64(len(plain)) || len(body) != 0 {
				t.Errorf("HEAD %s: Content-Length %d, a body of %d bytes, want %d, none", path, resp.ContentLength, len(body), len(plain))
			}
		})
	}
}

func TestServeClientNotModified(t *testing.T) {
	t.Parallel()
	ts := startServer(t, socketio.Options{}, nil)
	tag := `"` + socketio.ClientVersion + `"`
	for header, want := range map[string]int{
		tag: http.StatusNotModified, "W/" + tag: http.StatusNotModified, `"x", ` + tag: http.StatusNotModified, "*": http.StatusNotModified,
		`"4.0.0"`: http.StatusOK, socketio.ClientVersion: http.StatusOK,
	} {
		resp, body := ts.fetch(t, http.MethodGet, "/socket.io/socket.io.min.js", http.Header{"If-None-Match": {header}})
		if resp.StatusCode != want || (len(body) == 0) != (want == http.StatusNotModified) || resp.Header.Get("Etag") != tag {
			t.Errorf("If-None-Match %s: %d, %d bytes, ETag %q, want %d", header, resp.StatusCode, len(body), resp.Header.Get("Etag"), want)
		}
	}
}

// Module scripts of other origins need the CORS headers.
func TestServeClientAcrossOrigins(t *testing.T) {
	t.Parallel()
	ts := startServer(t, socketio.Options{Engine: engineio.Options{
		AllowOrigin: func(origin []byte) bool { return string(origin) == "http://page" },
	}}, nil)
	for origin, want := range map[string]string{"http://page": "http://page", "http://other": ""} {
		resp, _ := ts.fetch(t, http.MethodGet, "/socket.io/socket.io.esm.min.js", http.Header{"Origin": {origin}})
		if got := resp.Header.Get("Access-Control-Allow-Origin"); got != want || resp.StatusCode != http.StatusOK {
			t.Errorf("Origin %s: %d, Access-Control-Allow-Origin %q, want 200, %q", origin, resp.StatusCode, got, want)
		}
	}
}

func TestServeClientOnlyItsFiles(t *testing.T) {
	t.Parallel()
	on, off := startServer(t, socketio.Options{}, nil), startServer(t, socketio.Options{NoServeClient: true}, nil)
	for _, tt := range []struct {
		ts           *testServer
		method, path string
		want         int
	}{
		{on, http.MethodGet, "/socket.io/", http.StatusBadRequest},
		{on, http.MethodGet, "/socket.io/socket.io.js.gz", http.StatusBadRequest},
		{on, http.MethodGet, "/socket.io/LICENSE", http.StatusBadRequest},
		{on, http.MethodGet, "/socket.io/?x=/socket.io.js", http.StatusBadRequest},
		{on, http.MethodPost, "/socket.io/socket.io.js", http.StatusBadRequest},
		{on, http.MethodOptions, "/socket.io/socket.io.js", http.StatusNoContent},
		{on, http.MethodGet, "/socket.io/?EIO=4&transport=polling", http.StatusOK},
		{off, http.MethodGet, "/socket.io/socket.io.js", http.StatusBadRequest},
		{off, http.MethodGet, "/socket.io/?EIO=4&transport=polling", http.StatusOK},
	} {
		if resp, body := tt.ts.fetch(t, tt.method, tt.path, nil); resp.StatusCode != tt.want {
			t.Errorf("%s %s: %d %.60q, want %d", tt.method, tt.path, resp.StatusCode, body, tt.want)
		}
	}
}
