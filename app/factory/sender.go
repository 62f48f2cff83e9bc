package factory

import "context"

type senderKey struct{}

// WithSender returns a context for Store.Append that names the sender of the
// readings, whose new series count for it. An empty name is no sender.
func WithSender(ctx context.Context, name string) context.Context {
	if name == "" {
		return ctx
	}
	return context.WithValue(ctx, senderKey{}, name)
}

// Sender returns the name that WithSender set, or an empty one.
func Sender(ctx context.Context) string {
	name, _ := ctx.Value(senderKey{}).(string)
	return name
}
