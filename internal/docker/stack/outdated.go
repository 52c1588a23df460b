package stack

import (
	"context"
	"fmt"

	"github.com/im2-audio/im2/internal/safetext"
)

// lookAtProject says of each container what the project has changed to since it was made.
func (s Stack) lookAtProject(ctx context.Context, all []Container) error {
	now := make(map[string]string) // the IDs of images, by their names
	for i := range all {
		c := &all[i]
		service, known := s.Project.Compose.Services[c.Service]
		if c.Name == "" || !known {
			continue
		}
		name := service.Image
		if name == "" {
			name = c.Image // Compose made it up
		}
		if _, asked := now[name]; !asked {
			images, err := s.Client.Images(ctx, []string{name})
			if err != nil {
				return fmt.Errorf("inspecting the image of %s: %w", c.Service, err)
			}
			now[name] = ""
			if len(images) == 1 {
				now[name] = images[0].ID
			}
		}
		if id := now[name]; id != "" && id != c.imageID {
			c.Outdated = append(c.Outdated, "image")
		}
		if service.User != "" && service.User != c.info.Config.User {
			c.Outdated = append(c.Outdated, "user")
		}
	}
	return nil
}

// OutdatedText says what the project has changed to since a container was made.
func (s Stack) OutdatedText(c Container) string {
	if c.Outdated[0] == "image" {
		return c.label() + " has an older image than " + safetext.Quoted(c.Image)
	}
	return fmt.Sprintf("%s has the user %s, and the Compose file says %s", c.label(),
		safetext.Quoted(c.info.Config.User), safetext.Quoted(s.Project.Compose.Services[c.Service].User))
}
