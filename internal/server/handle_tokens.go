package server

import (
	"context"
	"time"

	"github.com/waddle-social/waddle/internal/server/api"
	"github.com/waddle-social/waddle/internal/server/token"
)

func (h handlers) ListTokens(context.Context, api.ListTokensRequestObject) (api.ListTokensResponseObject, error) {
	return api.ListTokens200JSONResponse{Tokens: each(h.tokens.List(), tokenOf)}, nil
}

func (h handlers) PostToken(ctx context.Context, req api.PostTokenRequestObject) (api.PostTokenResponseObject, error) {
	scopes := each(req.Body.Scopes, func(s api.Scope) token.Scope { return token.Scope(s) })
	lifetime := time.Duration(req.Body.ExpiresInDays) * 24 * time.Hour
	secret, t, err := h.tokens.Create(req.Body.Name, scopes, lifetime, exchangeOf(ctx).caller.Name)
	if err != nil {
		return nil, err
	}
	return api.PostToken201JSONResponse{Body: api.TokenCreated{Secret: secret, Token: tokenOf(t)}}, nil
}

func (h handlers) DeleteToken(_ context.Context, req api.DeleteTokenRequestObject) (api.DeleteTokenResponseObject, error) {
	if err := h.tokens.Revoke(req.ID); err != nil {
		return nil, err
	}
	return api.DeleteToken204Response{}, nil
}
