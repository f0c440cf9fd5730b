/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "lib/base/textfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/sentence.h"

static int
check_file(int fd, const char *path, bool *ret_is_private, char *error,
	   size_t size)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return sentence_say(error, size, -EINVAL, "%.200s cannot be read: %s.",
			   path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return sentence_say(error, size, -EINVAL, "%.200s is not a file.", path);
	if (st.st_mode & S_IWOTH)
		return sentence_say(error, size, -EPERM,
			   "Every user can write to %.200s and so choose whom "
			   "to trust. Take that right away: chmod o-w %.200s",
			   path, path);
	*ret_is_private = !(st.st_mode & S_IROTH);
	return 0;
}

static int
read_all(int fd, const char *path, char *buffer, size_t size, char *error,
	 size_t error_size)
{
	size_t len = 0;
	ssize_t n;

	do {
		n = read(fd, buffer + len, size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return sentence_say(error, error_size, -EINVAL,
				   "%.200s cannot be read: %s.", path,
				   strerror(errno));
		len += (size_t)n;
	} while (n != 0 && len < size);
	if (len == size)
		return sentence_say(error, error_size, -EINVAL,
			   "%.200s has more than %zu bytes, which is too long "
			   "for what it should be.", path, size - 1);
	buffer[len] = '\0';
	if (strlen(buffer) != len)
		return sentence_say(error, error_size, -EINVAL,
			   "%.200s is not a text.", path);
	return 0;
}

int
textfile_read(const char *path, char *buffer, size_t size,
	      bool *ret_is_private, char *error, size_t error_size)
{
	/* not to wait for the other end of a pipe */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int r;

	if (fd < 0)
		return sentence_say(error, error_size, errno == EACCES ? -EPERM : -EINVAL,
			   "%.200s cannot be read: %s.%s", path, strerror(errno),
			   errno == EACCES ?
				   " It must belong to the user that runs this "
				   "program, or to one of its groups." : "");
	r = check_file(fd, path, ret_is_private, error, error_size);
	if (r == 0)
		r = read_all(fd, path, buffer, size, error, error_size);
	close(fd);
	return r;
}

int
textfile_load(const char *path, size_t most, char **ret_text, char *error,
	      size_t error_size)
{
	char *text = malloc(most + 1);
	bool is_private;
	int r;

	if (!text)
		return sentence_say(error, error_size, -ENOMEM,
			   "There is no memory to read %.200s.", path);
	r = textfile_read(path, text, most + 1, &is_private, error, error_size);
	if (r < 0)
		free(text);
	else
		*ret_text = text;
	return r;
}
