package storage

import (
	"context"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/platform"
)

// LookDataset is the Backend's of a platform, with what of it would lose volumes.
func (s *Service) LookDataset(ctx context.Context, p *platform.Platform) (Finding, error) {
	now, conflicts, err := s.standing(ctx, p)
	if err != nil {
		return Finding{}, err
	}
	b, err := s.open(now)
	if err != nil {
		return Finding{}, err
	}
	f, err := b.LookDataset(ctx)
	f.Differences = append(conflicts, f.Differences...)
	return f, err
}

// ApplyDataset is the Backend's of a platform.
func (s *Service) ApplyDataset(ctx context.Context, p *platform.Platform, adopt bool) error {
	now, conflicts, err := s.standing(ctx, p)
	if err != nil {
		return err
	}
	if len(conflicts) > 0 {
		return &ConflictError{conflicts}
	}
	b, err := s.open(now)
	if err != nil {
		return err
	}
	return b.ApplyDataset(ctx, adopt)
}

// CaptureDataset is the Backend's of a platform.
func (s *Service) CaptureDataset(ctx context.Context, p *platform.Platform) (DatasetBefore, error) {
	b, err := s.Of(ctx, p)
	if err != nil {
		return DatasetBefore{}, err
	}
	return b.CaptureDataset(ctx)
}

// ShowUndoDataset is the Backend's of a platform.
func (s *Service) ShowUndoDataset(ctx context.Context, p *platform.Platform, before DatasetBefore) ([]engine.Difference, error) {
	b, err := s.Of(ctx, p)
	if err != nil {
		return nil, err
	}
	return b.ShowUndoDataset(ctx, before)
}

// UndoDataset is the Backend's of a platform.
func (s *Service) UndoDataset(ctx context.Context, p *platform.Platform, before DatasetBefore) error {
	b, err := s.Of(ctx, p)
	if err != nil {
		return err
	}
	return b.UndoDataset(ctx, before)
}
