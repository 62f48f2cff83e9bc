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

// state is the file in which acknowledged rows are noted, so that a replay can
// go on where an earlier one ended, however it ended. A nil state notes
// nothing.
type stateFile struct {
	path string

	mu      sync.Mutex
	content stateContent
}

type stateContent struct {
	// URL is where the rows were posted; to another server none of it applies.
	URL   string                   `json:"url"`
	Files map[string]*filePosition `json:"files"`
}

// fileState is what is known of one recording, by its absolute path.
type filePosition struct {
	Machine string `json:"machine"`
	Rows    int64  `json:"rows"`
	// Bytes is where the acknowledged rows end.
	Bytes int64 `json:"bytes"`
	// ShiftMS is by how much its times were moved.
	ShiftMS int64 `json:"shift_ms"`
}

// openState reads the state file, which need not exist yet.
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
	var found stateContent
	if err := json.Unmarshal(raw, &found); err != nil || found.URL == "" {
		return nil, fmt.Errorf("state file %s: it was not written by a replay; name another", path)
	}
	if found.URL != url {
		return nil, fmt.Errorf("state file %s: it is about a replay to %s; name another for this server", path, found.URL)
	}
	for name, f := range found.Files {
		if f == nil || f.Rows < 0 || f.Bytes < 0 {
			return nil, fmt.Errorf("state file %s: what it says of %s makes no sense", path, name)
		}
		s.content.Files[name] = f
	}
	return s, nil
}

// resume sets where p goes on.
func (s *stateFile) resume(machine string, p *fileJob) error {
	if s == nil {
		return nil
	}
	key, err := filepath.Abs(p.path)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.content.Files[key]
	switch {
	case known == nil:
		s.content.Files[key] = &filePosition{Machine: machine, ShiftMS: p.shift}
		return nil
	case known.Machine != machine:
		return fmt.Errorf("state file %s: %s was replayed as machine %q; name another", s.path, p.path, known.Machine)
	case known.Bytes > p.size:
		return fmt.Errorf("state file %s: %s is shorter than when it was replayed; name another", s.path, p.path)
	}
	p.skip, p.shift = known.Rows, known.ShiftMS
	return nil
}

// note writes down how far p is. The file is replaced as a whole, so that it
// is always one of the states that were true.
func (s *stateFile) save(p *fileJob) error {
	if s == nil {
		return nil
	}
	key, err := filepath.Abs(p.path)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.content.Files[key]
	f.Rows, f.Bytes = p.result.Rows, p.result.bytes
	return s.writeLocked()
}

// write writes the file, so that one that can't be written is known before
// anything is sent.
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
	fresh := s.path + ".new"
	if err := os.WriteFile(fresh, append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("state file: %w", err)
	}
	if err := os.Rename(fresh, s.path); err != nil {
		return fmt.Errorf("state file: %w", err)
	}
	return nil
}
