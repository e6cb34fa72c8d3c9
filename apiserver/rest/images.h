/* The handler of /v1/images. */
#ifndef SKILLBOX_APISERVER_REST_IMAGES_H
#define SKILLBOX_APISERVER_REST_IMAGES_H

struct request;

void rest_image_list(struct request *request);

#endif
