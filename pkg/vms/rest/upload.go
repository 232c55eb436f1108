package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
)

// Upload sends a file of size bytes. Proxmox wants the fields before the file, and the file's name in its
// own part only. The answer is the task that puts the file into its place.
func (c *Client) Upload(ctx context.Context, path string, fields [][2]string, name string, file io.Reader, size int64) (upid string, err error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range fields {
		if err := w.WriteField(f[0], f[1]); err != nil {
			return "", fmt.Errorf("cannot upload %s: %w", name, err)
		}
	}
	if _, err := w.CreateFormFile("filename", name); err != nil {
		return "", fmt.Errorf("cannot upload %s: %w", name, err)
	}
	head := b.Len()
	if err := w.Close(); err != nil {
		return "", fmt.Errorf("cannot upload %s: %w", name, err)
	}
	whole := io.MultiReader(bytes.NewReader(b.Bytes()[:head]), io.LimitReader(file, size), bytes.NewReader(b.Bytes()[head:]))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.o.URL+path, whole)
	if err != nil {
		return "", fmt.Errorf("cannot upload %s: %w", name, err)
	}
	req.ContentLength = int64(b.Len()) + size
	req.Header.Set("Content-Type", w.FormDataContentType())
	req.Header.Set("User-Agent", agent)
	var body struct{ Data string }
	res, err := c.http.Do(req)
	if err == nil {
		defer res.Body.Close()
		err = json.NewDecoder(res.Body).Decode(&body)
	}
	return body.Data, c.failed(http.MethodPost, path, err)
}
