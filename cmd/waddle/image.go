package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/cmd/waddle/internal/view"
)

func newImage(a *app) *cobra.Command {
	return group("image", "look", "Look at, fetch and remove the images of virtual machines",
		`An image is what a VM's disk is made of. waddle apply fetches what it needs; afterwards an
image is needed only for VMs that are made anew.`,
		"  waddle image ls", newImageLs(a), newImagePull(a), newImagePrune(a))
}

func newImageLs(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List the images",
		Long:    "Lists the images in the storage and downloads that are not finished. Nothing is changed.",
		Example: "  waddle image ls\n  waddle image ls -o json | jq '.images[].name'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			call := func(ctx context.Context, c *client.Connection) (*client.ListImagesResponse, error) {
				r, err := c.ListImagesWithResponse(ctx)
				if err != nil {
					return nil, fmt.Errorf("cannot list the images: %w", err)
				}
				return r, nil
			}
			return show(cmd.Context(), a, call, func(l client.ImageList) string { return view.Images(l.Images) })
		},
	}
}

var platformImages = []string{"debian\tthe Teleport VM's", "talos\tthe nodes'"}

func newImagePull(a *app) *cobra.Command {
	return does(a, &cobra.Command{
		Use: "pull debian|talos", Short: "Fetch an image of the platform",
		Long: `Fetches the image that the platform document names for the Teleport VM (debian) or the nodes
(talos), resumes what was interrupted, and verifies it. What is there and right stays.`,
		Example:           "  waddle image pull talos",
		ValidArgsFunction: cobra.FixedCompletions(platformImages, cobra.ShellCompDirectiveNoFileComp),
	}, &deed{do: "fetch the image %[1]s"},
		func(ctx context.Context, c *client.Connection, args []string, key *string) (*client.PostImagePullResponse, error) {
			return c.PostImagePullWithResponse(ctx, args[0], &client.PostImagePullParams{IdempotencyKey: key})
		})
}

func newImagePrune(a *app) *cobra.Command {
	var body client.ImagePruneRequest
	c := &cobra.Command{
		Use: "prune", Short: "Remove images that are not needed",
		Long: `Removes the images that waddle brought, except the two that the platform document names, or
with --all these too. An image of which a VM is being made stays, and what others brought.

With --forget that image alone is removed, and the checksum of its first download with it: for a
Talos image that the factory made anew, when you trust it.`,
		Example: "  waddle image prune\n  waddle image prune --forget talos-v1.12.4-nocloud-amd64-dc7b152cb3ea.qcow2",
		Args:    cobra.NoArgs, ValidArgsFunction: cobra.NoFileCompletions,
	}
	c.Flags().BoolVar(&body.All, "all", false, "the platform's own too")
	c.Flags().StringVar(&body.Forget, "forget", "", "this image alone, and its checksum")
	d := &deed{do: "remove images", ask: "Remove images that are not needed?"}
	d.first = func() error {
		switch {
		case body.All && body.Forget != "":
			return usagef("ask for one after the other", "--all removes what is not needed, --forget one image")
		case body.Forget != "":
			d.ask = fmt.Sprintf("Forget the image %s, its checksum included? What is downloaded next is taken for it.", body.Forget)
		}
		return nil
	}
	return does(a, c, d, func(ctx context.Context, c *client.Connection, _ []string, key *string) (*client.PostImagePruneResponse, error) {
		return c.PostImagePruneWithResponse(ctx, &client.PostImagePruneParams{IdempotencyKey: key}, body)
	})
}
