package socketio

import "runtime/debug"

// containPanic runs f. It recovers a panic and passes it to report;
// runtime.Goexit is reported too, and still ends the goroutine. After either
// it calls after.
func containPanic(f, after func(), report func(value any, stack []byte)) {
	returned := false
	defer func() {
		if returned {
			return
		}
		report(recover(), debug.Stack())
		after()
	}()
	f()
	returned = true
}
