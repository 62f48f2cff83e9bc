package server

import (
	"bytes"
	"io"
	"sync"
	"time"
)

// maxLogBytes bounds the log lines that wait to be written.
const maxLogBytes = 1 << 20

// LogSink is a writer for log lines that never waits for its destination. A pipe
// that nobody reads, a closed descriptor or a full disk costs lines, which are
// counted, and nothing else. Its methods may be called concurrently.
type LogSink struct {
	w io.Writer
	// onRecovery receives the number of lost lines once a line could be written
	// again.
	onRecovery func(lost uint64)
	ended      chan struct{}

	mu       sync.Mutex
	changed  *sync.Cond // lines or closed
	lines    [][]byte
	bytes    int
	lost     uint64 // since the start
	reported uint64 // of lost
	closed   bool
}

// StartLogSink returns a sink that writes to w in a goroutine, which Close ends.
// onRecovery may use the sink; nil receives nothing.
func StartLogSink(w io.Writer, onRecovery func(lost uint64)) *LogSink {
	s := &LogSink{w: w, onRecovery: onRecovery, ended: make(chan struct{})}
	s.changed = sync.NewCond(&s.mu)
	go func() {
		defer close(s.ended)
		for s.writeNext() {
		}
	}()
	return s
}

// Write queues the line p. It never fails.
func (s *LogSink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.bytes+len(p) > maxLogBytes {
		s.lost++
		return len(p), nil
	}
	s.lines = append(s.lines, bytes.Clone(p))
	s.bytes += len(p)
	s.changed.Broadcast()
	return len(p), nil
}

// Lost returns how many lines have been lost.
func (s *LogSink) Lost() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lost
}

// Close waits for the queued lines to be written, for at most grace. Later lines
// are lost.
func (s *LogSink) Close(grace time.Duration) {
	s.mu.Lock()
	s.closed = true
	s.changed.Broadcast()
	s.mu.Unlock()
	select {
	case <-s.ended:
	case <-time.After(grace):
	}
}

// writeNext waits for a line and writes it. It reports false at the end.
func (s *LogSink) writeNext() bool {
	s.mu.Lock()
	for len(s.lines) == 0 && !s.closed {
		s.changed.Wait()
	}
	if len(s.lines) == 0 {
		s.mu.Unlock()
		return false
	}
	line := s.lines[0]
	s.lines = s.lines[1:]
	s.mu.Unlock()

	_, err := s.w.Write(line) // may wait for as long as it takes

	s.mu.Lock()
	s.bytes -= len(line)
	lost := uint64(0)
	if err != nil {
		s.lost++
	} else {
		lost, s.reported = s.lost-s.reported, s.lost
	}
	s.mu.Unlock()
	if lost > 0 && s.onRecovery != nil {
		s.onRecovery(lost)
	}
	return true
}
