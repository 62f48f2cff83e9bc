package control

import "time"

// SetShutdownGrace sets how long Run waits for the responses of canceled calls.
func SetShutdownGrace(s *Server, moment time.Duration) { s.shutdownGrace = moment }
