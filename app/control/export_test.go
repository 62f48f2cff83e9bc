package control

import "time"

// LastAnswersWithin sets how long the answers of calls that Run has cancelled
// may take.
func SetShutdownGrace(s *Server, moment time.Duration) { s.shutdownGrace = moment }
