package main

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// syncProbe measures how long the disk or the machine stalls any program: ten
// times a second it writes a block to its own file and syncs it. A slow append is
// the store's fault only if it took longer than the probe's slowest sync.
type syncProbe struct {
	file     *os.File
	stopping chan struct{}
	done     sync.WaitGroup
	once     sync.Once

	// The goroutine owns the fields below until it has ended.
	worst time.Duration
	err   error
}

// startSyncProbe starts a probe in dir. The caller stops it.
func startSyncProbe(dir string) (*syncProbe, error) {
	file, err := os.Create(filepath.Join(dir, "probe"))
	if err != nil {
		return nil, err
	}
	p := &syncProbe{file: file, stopping: make(chan struct{})}
	p.done.Go(p.run)
	return p, nil
}

func (p *syncProbe) run() {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	block := make([]byte, 4096)
	for {
		select {
		case <-p.stopping:
			return
		case <-tick.C:
		}
		began := time.Now()
		_, err := p.file.WriteAt(block, 0)
		if p.err = errors.Join(err, p.file.Sync()); p.err != nil {
			return
		}
		p.worst = max(p.worst, time.Since(began))
	}
}

// stop ends the probe and returns its slowest sync. Further calls return the same.
func (p *syncProbe) stop() (worst time.Duration, err error) {
	p.once.Do(func() {
		close(p.stopping)
		p.done.Wait()
		p.err = errors.Join(p.err, p.file.Close(), os.Remove(p.file.Name()))
	})
	return p.worst, p.err
}
