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
	busy    sync.WaitGroup // calls of backend
	// moment is how long the answers of calls that Run has cancelled may take.
	moment time.Duration

	mu    sync.Mutex
	claim *claim
	ended bool // no call of backend may begin
}

// NewServer returns a Server for the socket at path. It starts nothing.
func NewServer(path string, b Backend) *Server {
	return &Server{path: path, backend: b, moment: time.Second}
}

// Listen claims the socket without answering yet, so that a start can fail
// early; Run does it by itself otherwise. A live process at the path is
// ErrInUse; what a dead one left is replaced. After Listen, Run must be
// called, if only with a context that has ended, to give the socket up.
func (s *Server) Listen() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return http.ErrServerClosed
	}
	if s.claim != nil {
		return nil
	}
	var err error
	s.claim, err = claimPath(s.path)
	return err
}

// Run answers until ctx ends, and returns nil when the socket is removed and
// every call of the Backend has returned. Their contexts end with ctx. It may
// be called once.
func (s *Server) Run(ctx context.Context) error {
	if err := s.Listen(); err != nil { //nolint:contextcheck // claiming a local socket does not wait
		return err
	}
	defer s.end()
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
	listener := s.claim.listener
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		_ = server.Close()
		return err
	case <-ctx.Done():
	}
	last, done := context.WithTimeout(context.WithoutCancel(ctx), s.moment)
	defer done()
	if server.Shutdown(last) != nil {
		_ = server.Close()
	}
	<-ended //nolint:errcheck // that it was closed
	return nil
}

// end waits for the calls of the Backend and gives the socket up for good.
func (s *Server) end() {
	s.mu.Lock()
	claim := s.claim
	s.claim, s.ended = nil, true
	s.mu.Unlock()
	s.busy.Wait()
	claim.release()
}

// begin reports whether a call of the Backend may begin; if so, its end is to
// be told to busy.
func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.busy.Add(1)
	}
	return !s.ended
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		status, err := s.backend.Status(r.Context())
		reply(w, status, err)
	})
	mux.HandleFunc("POST /reload", func(w http.ResponseWriter, r *http.Request) {
		result, err := s.backend.Reload(r.Context())
		reply(w, result, err)
	})
	mux.HandleFunc("POST /scale", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.URL.Query().Get("n"))
		if err != nil || n < 0 {
			fail(w, http.StatusBadRequest, errors.New("n must be a whole number, at least 0"))
			return
		}
		result, err := s.backend.Scale(r.Context(), n)
		reply(w, result, err)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.begin() {
			fail(w, http.StatusServiceUnavailable, errors.New("the process is ending"))
			return
		}
		defer s.busy.Done()
		mux.ServeHTTP(w, r)
	})
}

// failure is the body of every answer that isn't a success.
type failure struct {
	Error string `json:"error"`
}

func reply(w http.ResponseWriter, body any, err error) {
	if err != nil {
		fail(w, http.StatusInternalServerError, err)
		return
	}
	write(w, http.StatusOK, body)
}

func fail(w http.ResponseWriter, status int, err error) {
	write(w, status, failure{Error: err.Error()})
}

func write(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil { // a figure that JSON has no way to write
		status, text = http.StatusInternalServerError, []byte(`{"error":"the answer can't be written as JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // a client that is gone needs no answer
}
