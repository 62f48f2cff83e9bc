package server

import (
	"net/http"
	"testing"
)

// TestManualNeedsNoKey serves the manual to a client without a key, and finds it
// with a trailing slash.
func TestManualNeedsNoKey(t *testing.T) {
	_, addr := launch(t, "API_KEYS=test:admin:a-secret-of-some-length")
	for path, want := range map[string]int{
		"/manual": 200, "/manual/": 200, "/manual/troubleshoot": 200, "/manual/run/": 200, "/manual/manual.css": 200,
		"/manual/nothing": 404, "/manuals": 404, "/api/v1/latest": 401,
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			request, err := http.NewRequestWithContext(t.Context(), method, "http://"+addr+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if response.StatusCode != want {
				t.Errorf("%s %s = %d, want %d", method, path, response.StatusCode, want)
			}
		}
	}
}
