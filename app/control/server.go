package control

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Backend does what the socket is asked for. Its methods are called
// concurrently and return soon after their context has ended.
type Backend interface {
	// Status returns the present state.
	Status(ctx context.Context) (Status, error)
	// Reload reads the configuration again and recycles the workers; it
	// returns when that is done.
	Reload(ctx context.Context) (ReloadResult, error)
	// Scale changes the number of workers to n, where 0 means as many as
	// GOMAXPROCS; it returns when they are there.
	Scale(ctx context.Context, n int) (ScaleResult, error)
}

// Server answers on one control socket.
type Server struct {
	// ErrorLog takes what net/http has to say, panics of the Backend above
	// all. Set it before Run; nil is the standard logger.
	ErrorLog *log.Logger

	path    string
	backend Backend
	calls   sync.WaitGroup // calls of backend
	// moment is how long the answers of calls that Run has cancelled may take.
	shutdownGrace time.Duration

	mu       sync.Mutex
	listener *exclusiveListener
	closed   bool // no call of backend may begin
}

// NewServer returns a Server for the socket at path. It starts nothing.
func NewServer(path string, b Backend) *Server {
	return &Server{path: path, backend: b, shutdownGrace: time.Second}
}

// Listen claims the socket without answering yet, so that a start can fail
// early; Run does it by itself otherwise. A live process at the path is
// ErrInUse; what a dead one left is replaced. After Listen, Run must be
// called, if only with a context that has ended, to give the socket up.
func (s *Server) Listen() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return http.ErrServerClosed
	}
	if s.listener != nil {
		return nil
	}
	var err error
	s.listener, err = listenExclusive(s.path)
	return err
}

// Run answers until ctx ends, and returns nil when the socket is removed and
// every call of the Backend has returned. Their contexts end with ctx. It may
// be called once.
func (s *Server) Run(ctx context.Context) error {
	if err := s.Listen(); err != nil { //nolint:contextcheck // claiming a local socket does not wait
		return err
	}
	defer s.close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	server := &http.Server{
		Handler:           s.routes(),
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       30 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          s.ErrorLog,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	ended := make(chan error, 1)
	listener := s.listener.UnixListener
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		_ = server.Close()
		return err
	case <-ctx.Done():
	}
	last, done := context.WithTimeout(context.WithoutCancel(ctx), s.shutdownGrace)
	defer done()
	if server.Shutdown(last) != nil {
		_ = server.Close()
	}
	<-ended //nolint:errcheck // that it was closed
	return nil
}

// end waits for the calls of the Backend and gives the socket up for good.
func (s *Server) close() {
	s.mu.Lock()
	claim := s.listener
	s.listener, s.closed = nil, true
	s.mu.Unlock()
	s.calls.Wait()
	claim.close()
}

// begin reports whether a call of the Backend may begin; if so, its end is to
// be told to busy.
func (s *Server) beginCall() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.calls.Add(1)
	}
	return !s.closed
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		status, err := s.backend.Status(r.Context())
		writeResult(w, status, err)
	})
	mux.HandleFunc("POST /reload", func(w http.ResponseWriter, r *http.Request) {
		result, err := s.backend.Reload(r.Context())
		writeResult(w, result, err)
	})
	mux.HandleFunc("POST /scale", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.URL.Query().Get("n"))
		if err != nil || n < 0 {
			writeError(w, http.StatusBadRequest, errors.New("n must be a whole number, at least 0"))
			return
		}
		result, err := s.backend.Scale(r.Context(), n)
		writeResult(w, result, err)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.beginCall() {
			writeError(w, http.StatusServiceUnavailable, errors.New("the process is ending"))
			return
		}
		defer s.calls.Done()
		mux.ServeHTTP(w, r)
	})
}

// failure is the body of every answer that isn't a success.
type errorBody struct {
	Error string `json:"error"`
}

func writeResult(w http.ResponseWriter, body any, err error) {
	if err != nil {
		writeError(w, http.StatusInternalServerError, err)
		return
	}
	writeJSON(w, http.StatusOK, body)
}

func writeError(w http.ResponseWriter, status int, err error) {
	writeJSON(w, status, errorBody{Error: err.Error()})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil { // a figure that JSON has no way to write
		status, text = http.StatusInternalServerError, []byte(`{"error":"the answer can't be written as JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // a client that is gone needs no answer
}
