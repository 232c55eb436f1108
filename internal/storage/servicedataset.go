package storage

import (
	"context"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/platform"
)

// LookDataset is the Backend's of a platform.
func (s *Service) LookDataset(ctx context.Context, p *platform.Platform) (Finding, error) {
	b, err := s.Of(p)
	if err != nil {
		return Finding{}, err
	}
	return b.LookDataset(ctx)
}

// ApplyDataset is the Backend's of a platform.
func (s *Service) ApplyDataset(ctx context.Context, p *platform.Platform, adopt bool) error {
	b, err := s.Of(p)
	if err != nil {
		return err
	}
	return b.ApplyDataset(ctx, adopt)
}

// CaptureDataset is the Backend's of a platform.
func (s *Service) CaptureDataset(ctx context.Context, p *platform.Platform) (DatasetBefore, error) {
	b, err := s.Of(p)
	if err != nil {
		return DatasetBefore{}, err
	}
	return b.CaptureDataset(ctx)
}

// ShowUndoDataset is the Backend's of a platform.
func (s *Service) ShowUndoDataset(ctx context.Context, p *platform.Platform, before DatasetBefore) ([]engine.Difference, error) {
	b, err := s.Of(p)
	if err != nil {
		return nil, err
	}
	return b.ShowUndoDataset(ctx, before)
}

// UndoDataset is the Backend's of a platform.
func (s *Service) UndoDataset(ctx context.Context, p *platform.Platform, before DatasetBefore) error {
	b, err := s.Of(p)
	if err != nil {
		return err
	}
	return b.UndoDataset(ctx, before)
}
