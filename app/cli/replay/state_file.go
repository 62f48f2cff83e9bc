package replay

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// stateFile records the acknowledged rows of each file, so that a replay can
// resume where an earlier one ended, even after a crash. A nil stateFile records
// nothing. It is safe for concurrent use.
type stateFile struct {
	path string

	mu      sync.Mutex
	content stateContent
}

type stateContent struct {
	// URL is the endpoint to which the rows were posted.
	URL string `json:"url"`
	// Files is keyed by absolute path.
	Files map[string]*filePosition `json:"files"`
}

// filePosition is the state of one recording.
type filePosition struct {
	Machine string `json:"machine"`
	Rows    int64  `json:"rows"`
	// Bytes is the offset at which the acknowledged rows end.
	Bytes int64 `json:"bytes"`
	// ShiftMS was added to the timestamps.
	ShiftMS int64 `json:"shift_ms"`
}

// openStateFile reads the state file at path, which need not exist. It returns
// nil if path is empty.
func openStateFile(path, url string) (*stateFile, error) {
	if path == "" {
		return nil, nil
	}
	s := &stateFile{path: path, content: stateContent{URL: url, Files: make(map[string]*filePosition)}}
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("state file: %w", err)
	}
	var saved stateContent
	if err := json.Unmarshal(raw, &saved); err != nil || saved.URL == "" {
		return nil, fmt.Errorf("state file %s: not written by replay; choose another file", path)
	}
	if saved.URL != url {
		return nil, fmt.Errorf("state file %s: belongs to a replay to %s; choose another file for this server", path, saved.URL)
	}
	for name, f := range saved.Files {
		if f == nil || f.Rows < 0 || f.Bytes < 0 {
			return nil, fmt.Errorf("state file %s: invalid position for %s", path, name)
		}
		s.content.Files[name] = f
	}
	return s, nil
}

// resume sets the number of rows to skip and the shift of f.
func (s *stateFile) resume(machine string, f *fileJob) error {
	if s == nil {
		return nil
	}
	key, err := filepath.Abs(f.path)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.content.Files[key]
	switch {
	case known == nil:
		s.content.Files[key] = &filePosition{Machine: machine, ShiftMS: f.shift}
		return nil
	case known.Machine != machine:
		return fmt.Errorf("state file %s: %s was replayed as machine %q; choose another file", s.path, f.path, known.Machine)
	case known.Bytes > f.size:
		return fmt.Errorf("state file %s: %s is shorter than when it was replayed; choose another file", s.path, f.path)
	}
	f.skip, f.shift = known.Rows, known.ShiftMS
	return nil
}

// save records the acknowledged rows of f. The file is replaced atomically.
func (s *stateFile) save(f *fileJob) error {
	if s == nil {
		return nil
	}
	key, err := filepath.Abs(f.path)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	position := s.content.Files[key]
	position.Rows, position.Bytes = f.result.Rows, f.result.bytes
	return s.writeLocked()
}

// write writes the file. Calling it before the first request shows whether the
// file can be written.
func (s *stateFile) write() error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writeLocked()
}

func (s *stateFile) writeLocked() error {
	raw, err := json.MarshalIndent(s.content, "", "  ")
	if err != nil {
		return fmt.Errorf("state file: %w", err)
	}
	temporary := s.path + ".new"
	if err := os.WriteFile(temporary, append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("state file: %w", err)
	}
	if err := os.Rename(temporary, s.path); err != nil {
		return fmt.Errorf("state file: %w", err)
	}
	return nil
}
