package postgres

import (
	"context"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"

	"github.com/jackc/pgx/v5"
)

// Buckets implements factory.Store.
func (s *Store) Buckets(ctx context.Context, q factory.BucketQuery) (factory.BucketPage, error) {
	if err := store.CheckAtLeast("limit", q.Limit, 1); err != nil {
		return factory.BucketPage{}, err
	}
	if err := q.Interval.Validate(); err != nil {
		return factory.BucketPage{}, err
	}
	after, err := bucketCursor.DecodeFor(q.Machine, q.Cursor)
	if err != nil {
		return factory.BucketPage{}, err
	}
	return query(ctx, s, "buckets", func(ctx context.Context, tx pgx.Tx) (page factory.BucketPage, err error) {
		r := s.newReader(tx)
		all, err := r.findSeries(ctx, q.Machine, q.Metrics)
		if err != nil {
			return page, err
		}
		return newPager(bucketCursor, after, all).Buckets(q, func(of seriesInfo, from int64, limit int) ([]factory.Bucket, bool, error) {
			return r.buckets(ctx, of, &store.BucketBuilder{Query: q, From: from, Limit: limit})
		})
	})
}

// buckets returns the buckets of s, and whether there are more.
func (r *seriesReader) buckets(ctx context.Context, s seriesInfo, b *store.BucketBuilder) ([]factory.Bucket, bool, error) {
	if err := r.fillBuckets(ctx, s, b); err != nil {
		return nil, false, err
	}
	buckets := b.Finish(s.Kind)
	if s.Kind != factory.Counter || len(buckets) == 0 {
		return buckets, b.More, nil
	}
	// The increase since the last point before the first bucket.
	first := &buckets[0]
	before, ok, err := r.pointBefore(ctx, s, first.First.ObservedAt)
	if ok {
		first.Increase += factory.Growth(before.Value, first.First.Value)
	}
	return buckets, b.More, err
}
