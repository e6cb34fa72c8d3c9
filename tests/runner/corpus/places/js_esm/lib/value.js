export const value = 42, url = import.meta.url;
