package metrics

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/pprof"
)

// adminIndex is what / shows.
const adminIndex = `/metrics         Prometheus metrics
/api/health      health with the causes, JSON
/debug/pprof/    profiles of the Go runtime
`

// AdminHandler makes the pages of the admin port: /metrics, /api/health with
// what detail returns as JSON, /debug/pprof/, and a list of them at /. They show
// the inside of the process and ask for no key: listen where only operators can
// reach it. detail may be called concurrently.
func AdminHandler(s *Set, detail func() any) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		s.WritePrometheus(w)
	})
	mux.HandleFunc("GET /api/health", func(w http.ResponseWriter, _ *http.Request) {
		body, err := json.Marshal(detail())
		if err != nil {
			http.Error(w, "health: "+err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(append(body, '\n'))
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, adminIndex)
	})
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("POST /debug/pprof/symbol", pprof.Symbol) // go tool pprof posts
	return mux
}
