package socketio

import "runtime/debug"

// containPanic runs f. A panic in it is reported and goes no further; after that,
// and after runtime.Goexit, which ends the goroutine all the same, it calls
// after.
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
