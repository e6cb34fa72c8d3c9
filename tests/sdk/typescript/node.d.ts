// What the SDK uses of Node's modules, as far as it uses it. @types/node says the same and much more, but comes from npm, which
// Debian's Node.js is without.

declare module "node:fs/promises" {
	interface Info {
		isDirectory(): boolean;
		isFile(): boolean;
		isSymbolicLink(): boolean;
		mode: number;
		size: number;
	}
	interface File {
		writeFile(data: Uint8Array): Promise<void>;
		utimes(atime: number, mtime: number): Promise<void>;
		close(): Promise<void>;
	}
	function lstat(path: string): Promise<Info>;
	function mkdir(path: string, options: { recursive: true }): Promise<string | undefined>;
	function mkdtemp(prefix: string): Promise<string>;
	function open(path: string, flags: string, mode: number): Promise<File>;
	function readFile(path: string): Promise<Uint8Array>;
	function readdir(path: string): Promise<string[]>;
	function rename(from: string, to: string): Promise<void>;
	function rm(path: string, options: { recursive: true; force: true }): Promise<void>;
	function stat(path: string): Promise<Info>;
}

declare module "node:fs" {
	interface Source {
		on(event: "error", listener: (error: Error) => void): void;
		pipe(target: import("node:zlib").Gunzip): void;
		destroy(): void;
	}
	function createReadStream(path: string): Source;
}

declare module "node:zlib" {
	interface Gunzip extends AsyncIterable<Uint8Array> {
		destroy(error?: Error): void;
	}
	function createGunzip(options: { chunkSize: number }): Gunzip;
	function deflateRaw(data: Uint8Array, callback: (error: Error | null, result: Uint8Array) => void): void;
}

declare module "node:path" {
	const sep: string;
	function dirname(path: string): string;
	function join(...parts: string[]): string;
}

declare module "node:os" {
	function tmpdir(): string;
}

declare module "node:url" {
	function fileURLToPath(url: URL): string;
}
