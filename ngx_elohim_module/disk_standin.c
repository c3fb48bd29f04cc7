/* SPDX-License-Identifier: BSD-2-Clause */
/* disk_standin: a stand-in of this branch for the disk tier; not to be merged. */
#include "ngx_http_elohim_cache.h"
#pragma GCC diagnostic ignored "-Wmisleading-indentation"
#define DIR "ELO_TEST_PIECES"
static u_char *dir(void) { return (u_char *) getenv(DIR); }
static void name(uint64_t file, ngx_http_elohim_place_t *pl)
{ pl->path_len = ngx_sprintf(pl->path, "%s/%016xL%Z", dir(), file) - pl->path - 1; pl->file = file; pl->offset = 4096; }
static void pname(const ngx_http_elohim_piece_t *p, u_char *b)
{ ngx_sprintf(b, "%s/p-%xD%xD-%uD%Z", dir(), *(uint32_t*)p->digest.b, *(uint32_t *)(p->digest.b+4), p->index); }
ngx_int_t ngx_http_elohim_disk_find(const ngx_http_elohim_piece_t *piece, ngx_http_elohim_place_t *place)
{ u_char b[512], l[64]; ssize_t n; ngx_file_info_t fi; if (!dir()) return NGX_DECLINED; pname(piece,b);
  n = readlink((char*)b,(char*)l,63); if (n < 0) return NGX_DECLINED; l[n]=0;
  name(strtoull((char*)l,NULL,16), place);
  if (ngx_file_info(place->path,&fi)==-1) return NGX_DECLINED;
  place->file_size=ngx_file_size(&fi); place->mtime=ngx_file_mtime(&fi); place->uniq=ngx_file_uniq(&fi); return NGX_OK; }
ngx_int_t ngx_http_elohim_disk_verify(ngx_http_elohim_verify_t *v) { return NGX_OK; }
void ngx_http_elohim_disk_verify_leave(ngx_http_elohim_verify_t *v) { }
void ngx_http_elohim_disk_count(const ngx_http_elohim_piece_t *piece, ngx_uint_t is_hit) { }
void ngx_http_elohim_disk_bad(const ngx_http_elohim_piece_t *piece, const ngx_http_elohim_place_t *place)
{ u_char b[512]; pname(piece,b); unlink((char*)b); }
ngx_int_t ngx_http_elohim_disk_open(const ngx_http_elohim_piece_t *piece, uint64_t file, uint32_t at, ngx_http_elohim_writer_t *w)
{ if (!dir()) return NGX_DECLINED; ngx_memzero(w,sizeof(*w)); w->piece=*piece;
  if (!file) file = ((uint64_t) ngx_pid << 40) | (uint64_t) ngx_random();
  name(file,&w->place); w->fd = open((char*)w->place.path,O_RDWR|O_CREAT|O_CLOEXEC,0600); if (w->fd==-1) return NGX_DECLINED; w->have=at; return NGX_OK; }
ngx_int_t ngx_http_elohim_disk_write(ngx_http_elohim_writer_t *w, const u_char *p, size_t len)
{ if (access((char*)ngx_sprintf(w->place.path + 400, "%s/full%Z", dir()) ? (char*)w->place.path+400 : "", F_OK)==0) return NGX_DECLINED;
  if (pwrite(w->fd,p,len,4096+w->have)!=(ssize_t)len) return NGX_DECLINED; w->have+=len; return NGX_OK; }
ngx_int_t ngx_http_elohim_disk_commit(ngx_http_elohim_writer_t *w)
{ u_char b[512], l[64]; pname(&w->piece,b); ngx_sprintf(l,"%xL%Z",w->place.file); unlink((char*)b); return symlink((char*)l,(char*)b)==0?NGX_OK:NGX_DECLINED; }
void ngx_http_elohim_disk_close(ngx_http_elohim_writer_t *w, ngx_uint_t keep) { close(w->fd); }
void ngx_http_elohim_disk_place(uint64_t file, ngx_http_elohim_place_t *place) { name(file,place); }
