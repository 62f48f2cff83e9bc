package outbox

import "time"

// WithTuning returns o with shorter times.
func (o Options) WithTuning(resend, retry, giveUp time.Duration) Options {
	o.resend, o.retry, o.giveUp, o.saveTime = resend, retry, giveUp, time.Nanosecond
	return o
}
