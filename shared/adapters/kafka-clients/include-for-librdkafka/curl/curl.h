/* Empty on purpose. librdkafka 2.12 built without curl includes this header all the same: it asks #ifdef of a macro that
 * its cmake build defines as 0. Nothing of curl is used or linked. .cargo/config.toml puts this folder on the path. */
