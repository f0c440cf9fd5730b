/* SPDX-License-Identifier: MIT */
/* api.h: marks of the public interface. Included by the other headers. */
#ifndef SSE_FCGI_API_H
#define SSE_FCGI_API_H

#if defined(__GNUC__)
#define SSE_API __attribute__((visibility("default")))
#define SSE_MUSTCHECK __attribute__((warn_unused_result))
#else
#define SSE_API
#define SSE_MUSTCHECK
#endif

#endif
