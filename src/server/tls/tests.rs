mod files;
mod handshake;
mod names;
mod place;
mod renewal;
