package eventloop

import "errors"

// Errors that Handler.Closed receives, besides those of reads and writes.
var (
	// ErrClosed reports that Abort(nil) or Finish closed the connection.
	ErrClosed = errors.New("closed")
	// ErrSlowClient reports that the peer left more unread than the write
	// queue may hold, or read nothing for Options.StallAfter.
	ErrSlowClient = errors.New("the peer reads too slowly")
	// ErrOutOfMemory reports that all sessions together held too much, and this
	// one was among those that held most; see Options.MemoryLimit.
	ErrOutOfMemory = errors.New("the sessions hold too much memory")
	// ErrHandlerFailed reports that the handler panicked or ended its goroutine.
	ErrHandlerFailed = errors.New("the connection's handler failed")
	// ErrStopped reports that the loop has stopped.
	ErrStopped = errors.New("the event loop has stopped")
)
