package main

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// probe finds out for how long the disk, or the machine, keeps anybody waiting:
// ten times a second it writes a block to a file of its own and syncs that. A
// pause of an append that is no longer than the probe's is not the store's.
type syncProbe struct {
	file *os.File
	quit chan struct{}
	end  sync.WaitGroup
	once sync.Once

	// The fields below belong to the goroutine until it has ended.
	worst time.Duration
	err   error
}

// startProbe starts one in a directory. Whoever starts it stops it.
func startSyncProbe(dir string) (*syncProbe, error) {
	file, err := os.Create(filepath.Join(dir, "probe"))
	if err != nil {
		return nil, err
	}
	p := &syncProbe{file: file, quit: make(chan struct{})}
	p.end.Go(p.run)
	return p, nil
}

func (p *syncProbe) run() {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	block := make([]byte, 4096)
	for {
		select {
		case <-p.quit:
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

// stop ends the probe and returns its longest pause; again, it does only that.
func (p *syncProbe) stop() (worst time.Duration, err error) {
	p.once.Do(func() {
		close(p.quit)
		p.end.Wait()
		p.err = errors.Join(p.err, p.file.Close(), os.Remove(p.file.Name()))
	})
	return p.worst, p.err
}
